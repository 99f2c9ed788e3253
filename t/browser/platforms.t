#!/usr/bin/env -S node --test-reporter=./t/browser/tap.mjs
/*
 * One case from registration to its result on each of the other platforms; the
 * whole matrix is in flow.t, on shandong.
 */

'use strict';

const assert = require('node:assert');
const test = require('node:test');

const kit = require('./kit.js');

/* an item that the clerk and the approver of the demo handle */

const platforms = [
    { name: 'national', item: '异地就医备案', width: 360, js: false },
    { name: 'transport', item: '道路货物运输经营许可', width: 1280, js: true },
];

let browser;


async function act(page, button) {
    await page.getByRole('button', { name: button, exact: true }).click();
    await page.waitForURL(/\/work$/);
}


async function state(page, word) {
    await page.locator('.under .tag', { hasText: word }).first().waitFor();
}


/* finds the item by a word and applies; returns the address of the case */

async function apply(page, item, paper) {
    await page.goto('/');
    await page.getByLabel('要办什么事').fill(item.slice(0, 4));
    await page.getByRole('button', { name: '搜索' }).click();
    await page.getByRole('link', { name: item }).click();
    await page.getByRole('link', { name: '在线办理' }).click();
    await page.getByRole('heading', { name: /^申请：/ }).waitFor();
    await kit.fillAny(page, paper);
    await page.getByRole('button', { name: '提交申请' }).click();
    await state(page, '已提交');

    return new URL(page.url()).pathname;
}


/* received, corrected, accepted, granted */

async function handle(she, clerk, approver, address, paper) {
    await clerk.goto('/case/inbox');
    await clerk.locator(`a[href="${address}/work"]`).click();
    await act(clerk, '收件');
    await clerk.getByText('一次性告知补正', { exact: true }).click();
    await clerk.locator('#correct input[type=text], #correct textarea')
        .first().fill('看不清，请重新拍照。');
    await act(clerk, '发出补正告知书');
    await state(clerk, '补正告知');

    await she.goto(`${address}/edit`);
    await she.getByText('看不清，请重新拍照。').first().waitFor();

    for (const one of await she.locator('.material').all()) {
        await one.locator('input[type=file]').first().setInputFiles(paper);
    }

    await she.getByRole('button', { name: '提交补正' }).click();
    await state(she, '已收件');

    await clerk.goto(`${address}/work`);
    await act(clerk, '受理');
    await approver.goto(`${address}/work`);
    await approver.locator('#grant').getByLabel('结果编号').fill('演 1');
    await approver.locator('#grant').getByLabel('审查意见').fill('同意。');
    await act(approver, '作出准予决定');
    await state(approver, '办结');

    await she.goto(address);
    await she.getByRole('heading', { name: '办理结果' }).waitFor();
}


test.before(async () => {
    browser = await kit.startBrowser();
});

test.after(() => browser?.close());

for (const platform of platforms) {

    test(platform.name, async () => {
        const nginx = await kit.startNginx(platform.name);
        const paper = await kit.photo(browser, '演示材料');
        const pages = [];

        for (const who of [null, 'zhaomin', 'sunli']) {
            const page = await kit.person(browser, nginx.base, platform);

            await (who ? kit.logIn(page, who) : kit.register(page));
            pages.push(page);
        }

        const [she, clerk, approver] = pages;
        const address = await apply(she, platform.item, paper);

        await handle(she, clerk, approver, address, paper);

        for (const page of pages) {
            assert.strictEqual(await kit.overflow(page), 0);
            assert.deepStrictEqual(page.troubles, []);
            await page.context().close();
        }

        assert.deepStrictEqual(await nginx.stop(), []);
    });
}
