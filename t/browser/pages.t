#!/usr/bin/env -S node --test-reporter=./t/browser/tap.mjs
/*
 * Pages in their empty, error and no-right states (rows.t has each row once):
 * axe-core finds nothing under WCAG 2.2 AA, the policy is never
 * violated, nothing is wider than the window, on a desk and on a phone.
 * A public page is at most 60 KB on the wire and 4 requests.
 */

'use strict';

const assert = require('node:assert');
const test = require('node:test');

const kit = require('./kit.js');

const item = '11990102MB0DEM105F4000199001000';

/* what anybody sees, and the status */

const open = [
    ['/', 200],
    ['/item/', 200],
    ['/item/?q=个体工商户', 200],
    ['/item/?q=没有这样的事', 200],
    ['/item/topics', 200],
    [`/item/${item}`, 200],
    ['/item/11990100MB0DEM05XC3000199005000', 200],
    ['/help', 200],
    ['/privacy', 200],
    ['/accessibility', 200],
    ['/login', 200],
    ['/register', 200],
    ['/no/such/page', 404],
    ['/item/no-such-item', 404],
];

/* what each kind of account sees, and the status */

const own = {
    lixiaomei: [
        ['/case/', 200],
        ['/case/?state=closed', 200],
        [`/case/new?item=${item}`, 200],
        ['/case/new?item=11990100MB0DEM05XC3000199005000', 409],
        ['/auth/sessions', 200],
        ['/case/inbox', 403],
        ['/case/00000000-0000-7000-8000-000000000000', 404],
    ],
    zhaomin: [
        ['/case/inbox', 200],
        ['/case/inbox?due=overdue', 200],
        ['/case/inbox?q=no-such-number', 200],
        ['/case/inbox?state=no_such_state', 422],
        ['/case/overview', 403],
    ],
    zhouqiang: [
        ['/case/overview', 200],
        ['/case/overview?overdue=true', 200],
        ['/case/inbox', 403],
        ['/monitor/', 200],
        ['/status', 403],
        ['/jobs', 403],
    ],
    fengtao: [
        ['/audit', 200],
        ['/audit?action=no_such_action', 200],
        ['/audit/check', 200],
        ['/monitor/?day=2001-01-01', 200],
        ['/monitor/?day=no-day', 422],
        ['/monitor/ledger?limit=1', 200],
        ['/case/inbox', 403],
    ],
};

let nginx;
let browser;


async function check(t, page, path, status) {
    await t.test(path, async () => {
        page.troubles.length = 0;

        const reply = await page.goto(path);

        assert.strictEqual(reply.status(), status);
        assert.deepStrictEqual(await kit.axeFinds(page), []);
        await page.waitForLoadState('networkidle');
        assert.deepStrictEqual(page.troubles, []);
        assert.strictEqual(await kit.overflow(page), 0);
    });
}


async function wire(t, path) {
    await t.test(`${path} on the wire`, async () => {
        const { bytes, requests } = await kit.weight(browser, nginx.base,
                                                     path);

        assert.ok(bytes > 0 && bytes <= 60 * 1024, `${bytes} bytes`);
        assert.ok(requests <= 4, `${requests} requests`);
    });
}


test.before(async () => {
    nginx = await kit.startNginx();
    browser = await kit.startBrowser();
});

test.after(() => browser?.close());

for (const width of [1280, 360]) {

    test(`anybody, ${width} px`, async (t) => {
        const page = await kit.person(browser, nginx.base, { width });

        for (const [path, status] of open) {
            await check(t, page, path, status);
        }

        await page.context().close();
    });

    for (const name of Object.keys(own)) {

        test(`${name}, ${width} px`, async (t) => {
            const page = await kit.person(browser, nginx.base, { width });

            await kit.logIn(page, name);

            for (const [path, status] of own[name]) {
                await check(t, page, path, status);
            }

            await page.context().close();
        });
    }
}

test('what cannot be applied for leads to its guide', async () => {
    const page = await kit.person(browser, nginx.base, { width: 360 });
    const other = '11990100MB0DEM05XC3000199005000';

    await kit.logIn(page, 'lixiaomei');
    await page.goto(`/case/new?item=${other}`);
    await page.getByRole('link', { name: '看办事指南' }).click();
    await page.waitForURL(`**/item/${other}`);
    await page.context().close();
});

for (const width of [1280, 360]) {

    test(`a case, ${width} px`, async (t) => {
        const she = await kit.person(browser, nginx.base, { width });
        const clerk = await kit.person(browser, nginx.base, { width });
        const paper = await kit.photo(browser, '演示材料');

        await kit.register(she);
        await kit.logIn(clerk, 'zhaomin');
        const address = await kit.apply(she, item, paper);

        await check(t, she, '/case/', 200);
        await check(t, she, address, 200);
        await check(t, she, `${address}/edit`, 409);
        await check(t, clerk, '/case/inbox?state=submitted', 200);
        await check(t, clerk, `${address}/work`, 200);
        await clerk.getByRole('button', { name: '收件', exact: true }).click();
        await clerk.locator('#correct summary').click();
        assert.deepStrictEqual(await kit.axeFinds(clerk), []);
        await clerk.getByRole('button', { name: '发出补正告知书' }).click();
        await clerk.getByRole('alert').waitFor();
        assert.deepStrictEqual(await kit.axeFinds(clerk), []);
        await clerk.getByLabel('经营者身份证明').fill('缺少反面。');
        await clerk.getByRole('button', { name: '发出补正告知书' }).click();
        await clerk.waitForURL(/work$/);
        await check(t, she, address, 200);
        await check(t, she, `${address}/edit`, 200);
        await she.getByRole('button', { name: '提交补正' }).click();
        await she.getByRole('alert').waitFor();
        assert.deepStrictEqual(await kit.axeFinds(she), []);
        await check(t, she, `${address}/receipt`, 200);
        await check(t, clerk, `${address}/receipt`, 200);
        await she.context().close();
        await clerk.context().close();
    });
}

test('weight of public pages', async (t) => {
    for (const [path] of open) {
        await wire(t, path);
    }
});

test('nginx has nothing to complain about', async () => {
    await browser.close();
    assert.deepStrictEqual(await nginx.stop(), []);
});
