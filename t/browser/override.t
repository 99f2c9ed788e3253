#!/usr/bin/env -S node --test-reporter=./t/browser/tap.mjs
/*
 * A platform with an override folder and closed channels: a design token
 * changes what is painted, under the policy of all pages; the page of a closed
 * channel is a page like all others.
 */

'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');

const kit = require('./kit.js');

let browser;
let folder;


async function shown(more, address) {
    const nginx = await kit.startNginx('shandong', more);
    const page = await kit.person(browser, nginx.base, { width: 360 });

    await page.goto(address, { waitUntil: 'networkidle' });

    const result = {
        title: await page.locator('h1').textContent(),
        token: await page.evaluate(() => getComputedStyle(
            document.documentElement).getPropertyValue('--brand').trim()),
        painted: await page.locator('.top').evaluate(
            (top) => getComputedStyle(top).borderTopColor),
        axe: await kit.axeFinds(page),
        overflow: await kit.overflow(page),
        troubles: page.troubles,
    };

    await page.context().close();
    assert.deepStrictEqual(await nginx.stop(), []);

    return result;
}


test.before(async () => {
    browser = await kit.startBrowser();
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'zwfw-o-'));
    fs.chmodSync(folder, 0o755);
    fs.mkdirSync(path.join(folder, 'assets'));
    fs.writeFileSync(path.join(folder, 'assets/tokens.css'),
                     ':root { --brand: #7a0000; }\n');
});

test.after(async () => {
    await browser?.close();
    fs.rmSync(folder, { recursive: true, force: true });
});


test('a token of the override is painted', async () => {
    const is = await shown(`override ${folder};`, '/help');

    assert.strictEqual(is.token, '#7a0000');
    assert.strictEqual(is.painted, 'rgb(122, 0, 0)');
    assert.deepStrictEqual(is.troubles, []);
    assert.deepStrictEqual(is.axe, []);
});


test('the page of a closed channel', async () => {
    const is = await shown('channels app hall;', '/help');

    assert.strictEqual(is.title, '渠道没有开放');
    assert.deepStrictEqual(is.axe, []);
    assert.strictEqual(is.overflow, 0);
});
