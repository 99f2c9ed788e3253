#!/usr/bin/env -S node --test-reporter=./t/browser/tap.mjs
/*
 * Too many: who asks too often is told so, and how to go on; a list that is
 * longer than anybody counts says so and goes on by pages.
 */

'use strict';

const assert = require('node:assert');
const test = require('node:test');
const { execFileSync } = require('node:child_process');

const kit = require('./kit.js');

/* the second look at the help within a minute is one too many */

const site = `
    map $uri $crowd { default ""; /help $binary_remote_addr; }
    limit_req_zone $crowd zone=crowd:1m rate=1r/m;
    limit_req zone=crowd;
`;

let nginx;
let browser;


function sql(text) {
    const where = process.env.TEST_NGINX_ZWFW_ADMIN
        .replace(/dbname=\w+/, 'dbname=zwfw_transport');

    execFileSync('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', where,
        '-c', `SET session_replication_role = replica; ${text}`],
        { stdio: ['ignore', 'ignore', 'inherit'] });
}


function clean() {
    sql(`DELETE FROM zwfw.items WHERE catalog_code LIKE '000197%';
         DELETE FROM zwfw.item_catalog WHERE code LIKE '000197%';`);
}


async function calm(page) {
    assert.deepStrictEqual(await kit.axeFinds(page), []);
    assert.deepStrictEqual(page.troubles, []);
    assert.strictEqual(await kit.overflow(page), 0);
}


test.before(async () => {
    clean();
    sql(`INSERT INTO zwfw.item_catalog (code, name, type, basis, levels)
         SELECT '000197' || lpad(k::text, 6, '0'), '演示事项', '01', '法',
                '{1}' FROM generate_series(1, 1010) k;
         INSERT INTO zwfw.items (id, code, version, state, catalog_code, name,
             type, body, level, region, anticipate_day, promise_day, objects)
         SELECT gen_random_uuid(), b.credit_code || '1' || k.code, 1, 'in_use',
                k.code, k.name, k.type, b.id, '1', b.region, 20, 5, '{1}'
           FROM zwfw.item_catalog k, (SELECT * FROM zwfw.bodies LIMIT 1) b
          WHERE k.code LIKE '000197%';`);
    nginx = await kit.startNginx('transport', '', site);
    browser = await kit.startBrowser();
});

test.after(async () => {
    await browser?.close();
    clean();
});

for (const width of [1280, 360]) {

    test(`a list that nobody counts, ${width} px`, async () => {
        const page = await kit.person(browser, nginx.base, { width });

        await page.goto('/item/?region=all');
        await page.getByRole('status').getByText('共找到 1000 项以上')
            .waitFor();
        assert.strictEqual(await page.locator('.rows > li').count(), 20);
        assert.strictEqual(await page.getByText('已经是最后一页').count(), 0);
        await calm(page);

        await page.getByRole('button', { name: '下一页' }).click();
        await page.getByRole('button', { name: '回到第一页' }).waitFor();
        assert.strictEqual(await page.locator('.rows > li').count(), 20);
        await calm(page);
        await page.context().close();
    });

    test(`asked too often, ${width} px`, async () => {
        const page = await kit.person(browser, nginx.base, { width });
        let reply = await page.goto('/help');

        if (reply.status() !== 429) {
            reply = await page.goto('/help');
        }

        assert.strictEqual(reply.status(), 429);
        assert.strictEqual(await page.locator('h1').textContent(),
                           '操作太频繁');
        await page.getByText('请稍等一会儿再试').waitFor();
        await page.getByRole('link', { name: '重新打开这个页面' }).waitFor();
        await calm(page);
        await page.getByRole('link', { name: '返回首页' }).click();
        await page.getByRole('heading', { name: '您要办什么事？' }).waitFor();
        await page.context().close();
    });
}

test('nginx has nothing to complain about', async () => {
    assert.deepStrictEqual(await nginx.stop(), []);
});
