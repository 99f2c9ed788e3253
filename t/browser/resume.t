#!/usr/bin/env -S node --test-reporter=./t/browser/tap.mjs
/*
 * Somebody fills a form while the session ends: without JavaScript, nothing
 * of it is lost.
 */

'use strict';

const assert = require('node:assert');
const test = require('node:test');

const kit = require('./kit.js');

const item = '11990102MB0DEM105F4000199001000';

let nginx;
let browser;


test.before(async () => {
    nginx = await kit.startNginx();
    browser = await kit.startBrowser();
});


test('a form outlives its session', async () => {
    const she = await kit.person(browser, nginx.base, { js: false });

    await kit.logIn(she, 'lixiaomei');
    await she.goto(`/case/new?item=${item}`);
    await she.getByLabel('姓名').fill('李小梅');
    await she.getByLabel('拟用名称').fill('历下区没有丢失小吃店');
    await she.context().clearCookies({ name: 'zwfw' });
    await she.getByRole('button', { name: '存为草稿' }).click();

    await she.getByText('您刚才填写的文字已经保留').waitFor();
    assert.strictEqual(await kit.overflow(she), 0);

    await she.locator('main').getByRole('link', { name: '登录' }).click();
    await she.getByLabel('电子邮箱').fill('lixiaomei@shandong.example');
    await she.getByLabel('密码').fill(kit.password);
    await she.locator('main').getByRole('button', { name: '登录' }).click();

    await she.getByRole('alert')
        .getByText('您登录前填写的内容已经恢复，请确认后再提交').waitFor();
    assert.strictEqual(await she.getByLabel('拟用名称').inputValue(),
                       '历下区没有丢失小吃店');
    assert.strictEqual(await kit.overflow(she), 0);

    await she.getByRole('button', { name: '存为草稿' }).click();
    await she.getByRole('heading', { name: '个体工商户注册登记' }).waitFor();
    assert.strictEqual(await she.getByLabel('拟用名称').inputValue(),
                       '历下区没有丢失小吃店');
});

test('nginx has nothing to complain about', async () => {
    await browser.close();
    assert.deepStrictEqual(await nginx.stop(), []);
});
