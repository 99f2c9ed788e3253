#!/usr/bin/env -S node --test-reporter=./t/browser/tap.mjs
/*
 * One case from registration to its result, as people carry it: with and
 * without JavaScript, on a desk and on a phone; ways it ends early; by
 * keyboard only; on paper.
 */

'use strict';

const assert = require('node:assert');
const test = require('node:test');

const kit = require('./kit.js');

const item = '11990102MB0DEM105F4000199001000';

let nginx;
let browser;
let paper;


/* from the home page to the form of the item */

async function find(page) {
    await page.goto('/');
    await page.getByLabel('要办什么事').fill('个体工商户');
    await page.getByRole('button', { name: '搜索' }).click();
    await page.getByRole('link', { name: '个体工商户注册登记' }).click();
    await page.getByRole('link', { name: '在线办理' }).click();
    await page.getByRole('heading', { name: /^申请：/ }).waitFor();
}


/* a case that was handed in; returns its address */

function apply(page) {
    return kit.apply(page, item, paper);
}


async function act(page, button) {
    await page.getByRole('button', { name: button, exact: true }).click();
    await page.waitForURL(/\/work$/);
}


async function state(page, word) {
    await page.locator('.under .tag', { hasText: word }).first().waitFor();
}


async function staff(name, options) {
    const page = await kit.person(browser, nginx.base, options);

    await kit.logIn(page, name);

    return page;
}


/* each page fits, and nobody complained on the way */

async function calm(...pages) {
    for (const page of pages) {
        assert.strictEqual(await kit.overflow(page), 0);
        assert.deepStrictEqual(page.troubles, []);
        await page.context().close();
    }
}


/* the number of a tab is the length of its list */

async function counted(page) {
    const tabs = await page.locator('.tabs a').evaluateAll((links) =>
        links.map((link) => [link.href, link.querySelector('span')
                                            .textContent]));

    assert.ok(tabs.length > 1);

    for (const [address, count] of tabs) {
        await page.goto(address);
        await page.getByRole('status').filter({ hasText: `共 ${count} 件` })
            .waitFor();
        assert.strictEqual(
            await page.locator('tbody tr').count(), Math.min(count, 20));
    }
}


/* a step of a journey; once one has failed, the rest is not tried */

function stepper(t) {
    let broken = false;

    return (name, work) => t.test(name, async () => {
        assert.ok(!broken, 'a step before it failed');
        broken = true;
        await work();
        broken = false;
    });
}


async function journey(t, options) {
    const step = stepper(t);
    const she = await kit.person(browser, nginx.base, options);
    let clerk;
    let approver;
    let address;

    await step('registers, finds the item', async () => {
        await kit.register(she);
        await she.goto('/case/');
        await she.getByText('您还没有办件').waitFor();
        await find(she);
    });

    await step('a wrong number is told beside its field', async () => {
        await kit.fill(she, paper);
        await she.getByLabel('公民身份号码').fill('990101199001010011');
        await she.getByRole('button', { name: '提交申请' }).click();

        if (options.js) {
            assert.strictEqual(await she.getByLabel('公民身份号码').evaluate(
                (field) => field.validationMessage),
                '最后一位对不上，请对照证件检查。');
            return;
        }

        await she.getByRole('alert').getByText('公民身份号码').waitFor();
        assert.strictEqual(
            await she.getByLabel('拟用名称').inputValue(), '历下区演示小吃店');
        assert.strictEqual(await she.getByLabel('公民身份号码')
            .getAttribute('aria-invalid'), 'true');
        await kit.attach(she, paper);
    });

    await step('keeps a draft, comes back, submits it', async () => {
        await she.getByLabel('公民身份号码').fill('990101199001010019');
        await she.getByRole('button', { name: '存为草稿' }).click();
        await she.waitForURL(/\/edit$/);
        await she.goto('/case/');
        await state(she, '暂存');
        await she.getByRole('link', { name: '个体工商户注册登记' }).click();
        assert.strictEqual(await kit.material(she, 'M02')
            .getByRole('checkbox').isChecked(), true);
        await she.getByRole('button', { name: '提交申请' }).click();
        await state(she, '已提交');
        address = new URL(she.url()).pathname;
    });

    await step('the clerk receives it', async () => {
        clerk = await staff('zhaomin', options);
        await clerk.goto('/case/inbox');
        await counted(clerk);
        await clerk.goto('/case/inbox');
        await clerk.locator(`a[href="${address}/work"]`).click();
        await state(clerk, '已提交');
        await act(clerk, '收件');
        await state(clerk, '已收件');
    });

    await step('the photo comes down as it went up', async () => {
        const path = await clerk.locator('td a[download]').first()
            .getAttribute('href');
        const { status, headers, body } = await kit.download(clerk, path);

        assert.strictEqual(status, 200);
        assert.ok(paper.buffer.equals(body));
        assert.match(headers['content-disposition'], /^attachment/);
        assert.strictEqual(headers['x-content-type-options'], 'nosniff');
        assert.match(headers['content-security-policy'], /sandbox/);
    });

    await step('a notice names all that is missing', async () => {
        await clerk.getByText('一次性告知补正', { exact: true }).click();
        await clerk.getByRole('button', { name: '发出补正告知书' }).click();
        await clerk.getByRole('alert').getByText('需要补正的内容').waitFor();
        await clerk.getByLabel('经营者身份证明').fill('缺少反面。');
        await clerk.getByLabel('经营范围').fill('请写明是否有堂食。');
        await act(clerk, '发出补正告知书');
        await state(clerk, '补正告知');
    });

    await step('she corrects what was asked for', async () => {
        await she.goto('/case/');
        await she.getByRole('link', { name: '去补正' }).click();
        await she.getByText('缺少反面。').waitFor();
        await she.getByRole('button', { name: '提交补正' }).click();
        await she.getByRole('alert').getByText('经营者身份证明').waitFor();
        await she.getByLabel('经营范围').fill('餐饮服务，有堂食');
        await kit.material(she, 'M02').locator('input[type=file]').first()
            .setInputFiles(paper);
        await she.getByRole('button', { name: '提交补正' }).click();
        await state(she, '已收件');
        await she.getByText(/还剩 5 个工作日，最晚 .*（周.）/).waitFor();
    });

    await step('it is accepted, and granted by another person', async () => {
        await clerk.goto(`${address}/work`);
        await act(clerk, '受理');
        await state(clerk, '已受理');
        assert.strictEqual(
            await clerk.getByRole('button', { name: '作出准予决定' }).count(),
            0);

        approver = await staff('sunli', options);
        await approver.goto(`${address}/work`);
        await approver.locator('#grant').getByLabel('结果编号').fill('演 1');
        await approver.locator('#grant').getByLabel('审查意见').fill('同意。');
        await act(approver, '作出准予决定');
        await state(approver, '办结');
    });

    await step('she sees the result, and no opinion', async () => {
        await she.goto(address);
        await she.getByRole('heading', { name: '办理结果' }).waitFor();
        await she.getByText('营业执照').first().waitFor();
        assert.strictEqual(await she.locator('.steps .done').count(), 5);
        assert.strictEqual(await she.getByText('同意。').count(), 0);
        await she.getByRole('link', { name: /收件凭证和文书/ }).click();

        for (const name of ['收件凭证', '补正告知书', '受理通知书',
                            '准予决定书'])
        {
            await she.getByRole('heading', { name, exact: true }).first()
                .waitFor();
        }

        assert.strictEqual(await she.locator('article.paper').count(), 5);
    });

    await calm(she, clerk, approver);
}


test.before(async () => {
    nginx = await kit.startNginx();
    browser = await kit.startBrowser();
    paper = await kit.photo(browser, '演示材料');
});

test.after(() => browser?.close());

for (const width of [1280, 360]) {
    for (const js of [true, false]) {
        test(`${width} px, ${js ? 'with' : 'without'} JavaScript`,
             (t) => journey(t, { width, js }));
    }
}

test('not accepted, with reason and remedy', async () => {
    const she = await kit.person(browser, nginx.base);
    const clerk = await staff('zhaomin');

    await kit.register(she);
    const address = await apply(she);

    await clerk.goto(`${address}/work`);
    await act(clerk, '收件');
    await clerk.locator('#reject summary').click();
    await clerk.locator('#reject').getByLabel('理由')
        .fill('不属于本机关职权范围。');
    await act(clerk, '不予受理');
    await state(clerk, '不予受理');

    await she.goto(address);
    await she.getByText('不属于本机关职权范围。').first().waitFor();
    await she.getByText('行政复议').first().waitFor();
    await calm(she, clerk);
});

test('refused, with reason and remedy', async () => {
    const she = await kit.person(browser, nginx.base);
    const clerk = await staff('zhaomin');
    const approver = await staff('sunli');

    await kit.register(she);
    const address = await apply(she);

    await clerk.goto(`${address}/work`);
    await act(clerk, '收件');
    await act(clerk, '受理');
    await approver.goto(`${address}/work`);
    await approver.locator('#refuse summary').click();
    await approver.locator('#refuse').getByLabel('理由').fill('场所不符。');
    await approver.locator('#refuse').getByLabel('审查意见').fill('不同意。');
    await act(approver, '作出不予决定');

    await she.goto(`${address}/receipt`);
    await she.getByRole('heading', { name: '不予决定书' }).waitFor();
    await she.getByText('场所不符。').waitFor();
    await calm(she, clerk, approver);
});

test('withdrawn by the applicant', async () => {
    const she = await kit.person(browser, nginx.base);

    await kit.register(she);
    await apply(she);
    await she.getByText('撤回申请').first().click();
    await she.getByLabel('撤回的理由').fill('不想办了');
    await she.getByRole('button', { name: '撤回申请' }).click();
    await state(she, '撤回');
    await calm(she);
});

test('a page that is older than the case changes nothing', async () => {
    const one = await staff('zhaomin');
    const two = await staff('zhaomin');
    const she = await kit.person(browser, nginx.base);

    await kit.register(she);
    const address = await apply(she);

    await one.goto(`${address}/work`);
    await two.goto(`${address}/work`);
    await act(one, '收件');
    await two.getByRole('button', { name: '收件', exact: true }).click();
    await two.getByRole('alert').getByText('有了新的变化').waitFor();
    await state(two, '已收件');
    await calm(one, two, she);
});

test('others see nothing of it', async () => {
    const she = await kit.person(browser, nginx.base);
    const he = await staff('liuyang');
    const supervisor = await staff('zhouqiang');

    await kit.register(she);
    const address = await apply(she);

    assert.strictEqual((await he.goto(address)).status(), 404);
    assert.strictEqual((await he.goto(`${address}/work`)).status(), 403);

    await supervisor.goto('/case/overview');
    await supervisor.getByText('王**').first().waitFor();
    assert.strictEqual(await supervisor.getByText('王小演').count(), 0);
    assert.strictEqual((await supervisor.goto(`${address}/work`)).status(),
                       403);
    await calm(she, he, supervisor);
});

test('by keyboard only', async (t) => {
    const page = await kit.person(browser, nginx.base);

    await page.goto('/login');
    await page.keyboard.press('Tab');
    assert.strictEqual(await page.evaluate(
        () => document.activeElement.className), 'skip');

    await kit.byKeyboard(page, () => journey(t, { width: 1280, js: true }));
    await calm(page);
});

test('on paper', async () => {
    const she = await kit.person(browser, nginx.base);
    const clerk = await staff('zhaomin');

    await kit.register(she);
    const address = await apply(she);

    await clerk.goto(`${address}/work`);
    await act(clerk, '收件');
    await clerk.goto(`${address}/receipt`);
    await clerk.emulateMedia({ media: 'print' });

    for (const hidden of ['.nav', '.crumbs', '.account']) {
        assert.strictEqual(await clerk.locator(hidden).isVisible(), false);
    }

    assert.strictEqual(await clerk.locator('.paper').isVisible(), true);

    for (const size of [{ format: 'A4' }, { width: '80mm', height: '297mm' }]) {
        const pdf = (await clerk.pdf(size)).toString('latin1');

        assert.strictEqual(pdf.match(/\/Type \/Page\b/g).length, 1);
    }

    await clerk.emulateMedia({ media: 'screen' });
    await calm(she, clerk);
});

test('nginx has nothing to complain about', async () => {
    await browser.close();
    assert.deepStrictEqual(await nginx.stop(), []);
});
