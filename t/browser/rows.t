#!/usr/bin/env -S node --test-reporter=./t/browser/tap.mjs
/*
 * Every row of every slice that has a page, as the tables say, and every form
 * that is shown again: axe-core finds nothing, the policy is never violated,
 * nothing is wider than the window.  What is public is light.
 */

'use strict';

const assert = require('node:assert');
const test = require('node:test');

const kit = require('./kit.js');

const item = '11990102MB0DEM105F4000199001000';
const rows = kit.rows();
const pages = rows.filter((row) => row.method === 'GET' && row.page);

/* forms that would do something when they are sent empty are not */

const forms = rows.filter((row) => row.method === 'POST' && row.form
    && row.fields.some((field) => field.in === 'body' && field.required
                                  && field.name !== 'item'));

let nginx;
let browser;
let place;


/* the address of a row, with what test.before() has made */

function address(row) {
    const path = row.path.replace(/\{(\w+)\}/g, () => {
        const key = Object.keys(place).find((one) =>
            new RegExp(`^${one}`).test(row.path));

        assert.ok(key, `${row.path}: this test makes no such row`);

        return place[key];
    });
    const query = row.fields
        .filter((field) => field.in === 'query' && field.required)
        .map((field) => `${field.name}=${place[field.name]}`);

    return path + (query.length ? `?${query.join('&')}` : '');
}


/* what says which form it is, and is hidden in it */

function known(row) {
    return row.fields.filter((field) => field.in === 'body'
                                        && place[field.name])
        .map((field) => [field.name, place[field.name]]);
}


async function calm(page) {
    assert.deepStrictEqual(await kit.axeFinds(page), []);
    await page.waitForLoadState('networkidle');
    assert.deepStrictEqual(page.troubles, []);
    assert.strictEqual(await kit.overflow(page), 0);
}


/* the one who may see the row; she has made the cases */

const seen = new Map();

async function somebody(role, width) {
    const key = `${role} ${width}`;

    if (!seen.has(key)) {
        const page = await kit.person(browser, nginx.base, { width });

        if (role === 'natural') {
            await page.context().addCookies(place.cookies);

        } else if (role !== 'anyone') {
            await kit.logIn(page, role === 'clerk' ? 'zhaomin'
                                  : role === 'approver' ? 'sunli'
                                  : kit.account(role));
        }

        seen.set(key, page);
    }

    const page = seen.get(key);

    page.troubles.length = 0;

    return page;
}


/* a draft, and a case that is to be corrected */

async function makeCases(she) {
    const paper = await kit.photo(browser, '演示材料');
    const clerk = await somebody('clerk', 1280);

    await she.goto(`/case/new?item=${item}`);
    await kit.fill(she, paper);
    await she.getByRole('button', { name: '存为草稿' }).click();
    await she.waitForURL(/\/edit$/);
    const draft = new URL(she.url()).pathname.split('/')[2];

    const path = await kit.apply(she, item, paper);

    await clerk.goto(`${path}/work`);
    await clerk.getByRole('button', { name: '收件', exact: true }).click();
    await clerk.getByText('一次性告知补正', { exact: true }).click();
    await clerk.getByLabel('经营者身份证明').fill('缺少反面。');
    await clerk.getByRole('button', { name: '发出补正告知书' }).click();
    await clerk.waitForURL(/work$/);

    return { draft, id: path.split('/')[2] };
}


/* an item that is being written */

async function makeItem() {
    const manager = await somebody('item_manager', 1280);

    await manager.goto('/item/manage');

    const draft = manager.locator('tr', { hasText: '草稿' }).getByRole('link');

    if (await draft.count()) {
        return (await draft.first().getAttribute('href')).split('/')[3];
    }

    await manager.getByLabel('按基本目录新编一个版本').fill('000199001000');
    await manager.getByRole('button', { name: '新编' }).click();
    await manager.waitForURL(/\/item\/drafts\//);

    return new URL(manager.url()).pathname.split('/')[3];
}


test.before(async () => {
    nginx = await kit.startNginx();
    browser = await kit.startBrowser();
    place = {};

    const she = await kit.person(browser, nginx.base);

    await kit.register(she);
    const made = await makeCases(she);
    const written = await makeItem();

    place = {
        '/case/{id}/(edit|save|submit)$': made.draft,
        '/case/': made.id,
        '/item/drafts/': written,
        '/item/': item,
        item,
        cookies: await she.context().cookies(),
    };
});

test.after(() => browser?.close());

test('the tables are read', () => {
    assert.ok(pages.length > 25, `${pages.length} pages`);
    assert.ok(forms.length > 15, `${forms.length} forms`);
});

for (const width of [1280, 360]) {

    for (const row of pages) {

        test(`${row.path}, ${row.who[0]}, ${width} px`, async () => {
            const page = await somebody(row.who[0], width);
            const reply = await page.goto(address(row));

            assert.strictEqual(reply.status(), 200);
            await calm(page);
        });
    }

    for (const row of width === 360 ? forms : []) {

        test(`${row.path} sent empty, ${width} px`, async () => {
            const page = await somebody(row.who[0], width);
            const answer = page.waitForResponse((reply) =>
                reply.request().method() === 'POST');

            await page.goto('/help');
            await page.evaluate(([path, known]) => {
                const form = document.createElement('form');
                const token = document.querySelector('[name=_token]');

                form.method = 'post';
                form.action = path;

                if (token) {
                    form.append(token.cloneNode());
                }

                for (const [name, value] of known) {
                    const input = document.createElement('input');

                    input.name = name;
                    input.value = value;
                    form.append(input);
                }

                document.body.append(form);
                form.submit();
            }, [address(row), known(row)]);

            assert.strictEqual((await answer).status(), 422);
            await page.getByRole('alert').first().waitFor();
            await calm(page);
        });
    }
}

for (const row of pages.filter((one) => one.who[0] === 'anyone')) {

    test(`${row.path} on the wire`, async () => {
        const { bytes, requests } = await kit.weight(browser, nginx.base,
                                                     address(row));

        assert.ok(bytes > 0 && bytes <= 60 * 1024, `${bytes} bytes`);
        assert.ok(requests <= 4, `${requests} requests`);
    });
}

test('nginx has nothing to complain about', async () => {
    await browser.close();
    assert.deepStrictEqual(await nginx.stop(), []);
});
