/*
 * For t/browser/*.t: an nginx of their own over the stores of the test
 * environment, Chromium, and what is checked on every page.
 */

'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { execFileSync, spawn } = require('node:child_process');

const { chromium } = require('playwright-core');
const axe = require('axe-core');

const root = path.resolve(__dirname, '../..');
const password = 'demo-2026';
const bad = /\[(alert|crit|emerg)\]|exited on signal|open socket #/;

/* the platforms of the demo */

const platforms = {
    national: { code: '000000', kind: 'national', name: '国家' },
    shandong: { code: '370000', kind: 'province', name: '山东省' },
    transport: { code: '000018', kind: 'ministry', region: '000000',
                 name: '交通运输部' },
};

const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/* it looks for updates of its own; the tests ask no server but theirs */

const switches = [
    '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
    '--disable-background-networking', '--disable-component-update',
    '--disable-default-apps', '--disable-extensions', '--disable-sync',
    '--disable-domain-reliability', '--no-first-run', '--no-pings',
    '--host-resolver-rules=MAP *.localhost 127.0.0.1, MAP * ~NOTFOUND',
];


function env(name) {
    const value = process.env[`TEST_NGINX_${name}`];

    if (!value) {
        throw new Error(`TEST_NGINX_${name} is not set: run ./build.sh test `
                        + 'FILE, or eval "$(./build.sh testenv)" first');
    }

    return value;
}


function freePort() {
    return new Promise((resolve, reject) => {
        const server = net.createServer();

        server.once('error', reject);
        server.listen(0, '127.0.0.1', () => {
            const { port } = server.address();

            server.close(() => resolve(port));
        });
    });
}


function configuration(dir, port, name, more, site) {
    const platform = platforms[name];
    const region = platform.region ? `region ${platform.region};` : '';
    const postgres = env('ZWFW_POSTGRES')
        .replace(/dbname=\w+/, `dbname=zwfw_${name}`);
    const modules = env('LOAD_MODULES').split(' ')
        .map((file) => `load_module ${file};`).join('\n');
    const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
        .map((name) => `${name}_temp_path ${dir}/${name};`).join('\n');

    return `
daemon off;
worker_processes 1;
error_log ${dir}/error.log info;
pid ${dir}/nginx.pid;
env ASAN_OPTIONS;
${process.getuid() === 0 ? 'user root;' : ''}
${modules}

events { worker_connections 128; }

http {
    include /etc/nginx/mime.types;
    access_log off;
    ${temp}
    include ${root}/conf/core.conf;
    ${site}

    zwfw_platform ${name} {
        code ${platform.code};
        kind ${platform.kind};
        ${region}
        name ${platform.name}政务服务平台（演示）;
        base_url http://${name}.localhost:${port};
        postgres "${postgres}";
        redis "${env('ZWFW_REDIS')}";
        keys ${env('ZWFW_KEYS')};
        files ${env('ZWFW_FILES')};
        html ${env('ZWFW_HTML')};
        ${more}
    }

    server {
        listen 127.0.0.1:${port};
        server_name ${name}.localhost;
        zwfw_use ${name};
        zwfw_insecure_cookies on;

        location /api/ { zwfw_channel app; zwfw_api; }
        location / { gzip off; zwfw_pages ${env('ZWFW_HTML')}; }
        location /assets/ { alias ${env('ZWFW_HTML')}/assets/; }
    }
}
`;
}


/* Node does not resolve *.localhost; returns { status, headers, body } */

function get(base, path, headers = {}) {
    const { host, port } = new URL(base);

    return new Promise((resolve, reject) => {
        const request = http.get({
            host: '127.0.0.1', port, path, headers: { host, ...headers },
        }, async (reply) => {
            resolve({
                status: reply.statusCode, headers: reply.headers,
                body: Buffer.concat(await reply.toArray()),
            });
        });

        request.once('error', reject);
    });
}


/* the same as the person before the screen */

async function download(page, path) {
    const cookies = await page.context().cookies();
    const cookie = cookies.map((one) => `${one.name}=${one.value}`).join('; ');

    return get(new URL(page.url()).origin, path, { cookie });
}


/*
 * Returns when it serves: { base, stop }; stop gives the bad lines of its log.
 * more: directives of the platform; site: of http
 */

async function startNginx(platform = 'shandong', more = '', site = '') {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'zwfw-b-'));
    const port = await freePort();
    const log = path.join(dir, 'error.log');
    const give = Date.now() + 30000;
    let ended = false;

    fs.writeFileSync(path.join(dir, 'nginx.conf'),
                     configuration(dir, port, platform, more, site));

    const nginx = spawn(process.env.TEST_NGINX_BINARY || 'nginx',
                        ['-e', log, '-p', `${dir}/`, '-c', 'nginx.conf'],
                        { stdio: 'ignore' });
    const end = new Promise((resolve) => {
        nginx.once('error', resolve);
        nginx.once('exit', resolve);
    }).then(() => { ended = true; });

    nginx.unref();
    process.once('exit', () => ended || nginx.kill('SIGTERM'));

    const base = `http://${platform}.localhost:${port}`;
    const healthy = () => get(base, '/api/health')
        .then((reply) => reply.status === 200, () => false);

    while (!await healthy()) {
        if (ended || Date.now() > give) {
            nginx.kill('SIGTERM');
            throw new Error(`nginx does not serve:\n${read(log)}`);
        }

        await new Promise((resolve) => setTimeout(resolve, 50));
    }

    async function stop() {
        nginx.ref();
        nginx.kill('SIGQUIT');
        await end;

        const lines = read(log).split('\n').filter((line) => bad.test(line));

        fs.rmSync(dir, { recursive: true, force: true });

        return lines;
    }

    return { base, stop };
}


function read(file) {
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
}


/* Chromium without its own windows, which cost more than all of the pages */

function startBrowser() {
    return chromium.launch({
        executablePath: process.env.CHROMIUM
                        || '/usr/bin/chromium-headless-shell',
        args: switches,
    });
}


/*
 * A person before a screen: a page whose troubles are collected in
 * page.troubles: violations of the policy, errors of scripts, requests that
 * failed or left the site.
 */

async function person(browser, base, options = {}) {
    const context = await browser.newContext({
        baseURL: base, locale: 'zh-CN', timezoneId: 'Asia/Shanghai',
        viewport: { width: options.width || 1280, height: 800 },
        isMobile: options.width < 600, hasTouch: options.width < 600,
        javaScriptEnabled: options.js !== false,
        reducedMotion: 'reduce',
    });
    const page = await context.newPage();

    page.platform = new URL(base).hostname.split('.')[0];
    page.troubles = [];
    page.setDefaultTimeout(15000);
    page.on('pageerror', (error) => page.troubles.push(String(error)));
    page.on('console', (message) => {
        const text = message.text();

        /* Chromium logs each 4xx, which some tests are about */

        if (message.type() === 'error' && !/status of 4\d\d/.test(text)) {
            page.troubles.push(`console: ${text}`);
        }
    });
    page.on('request', (request) => {
        if (!/^(data:|blob:)/.test(request.url())
            && !request.url().startsWith(`${base}/`))
        {
            page.troubles.push(`request to ${request.url()}`);
        }
    });

    return page;
}


async function logIn(page, name) {
    await page.goto('/login');
    await page.getByLabel('电子邮箱').fill(
        name.includes('@') ? name : `${name}@${page.platform}.example`);
    await page.getByLabel('密码').fill(password);
    await page.getByRole('button', { name: '登录' }).click();
    await page.getByRole('button', { name: '退出登录' }).waitFor();
}


/*
 * While work() runs, nobody has a mouse: whatever is clicked, filled, checked
 * or given a file is reached with Tab, and done with keys
 */

async function byKeyboard(page, work) {
    const locator = Object.getPrototypeOf(page.locator('html'));
    const mouse = {};

    for (const name of Object.keys(hands)) {
        mouse[name] = locator[name];
        locator[name] = hands[name];
    }

    try {
        await work();

    } finally {
        Object.assign(locator, mouse);
    }
}


const hands = {

    async click() {
        await tabTo(this);
        await this.page().keyboard.press('Enter');
    },

    async fill(text) {
        await tabTo(this);
        await this.page().keyboard.press('Control+A');
        await this.page().keyboard.press('Delete');
        await this.page().keyboard.type(text);
    },

    async check() {
        await tabTo(this);
        await this.page().keyboard.press('Space');
        assert.ok(await this.isChecked());
    },

    async setInputFiles(file) {
        const chooser = this.page().waitForEvent('filechooser');

        await tabTo(this);
        await this.page().keyboard.press('Enter');
        await (await chooser).setFiles(file);
    },
};


/* once around the page, at the most */

async function tabTo(target) {
    const page = target.page();

    await target.waitFor();

    for (let i = 0; i < 150; i++) {
        if (await target.evaluate((node) =>
            document.activeElement !== document.body
            && document.activeElement.contains(node)))
        {
            return;
        }

        await page.keyboard.press('Tab');
    }

    assert.fail(`${target} is not reached by the keyboard`);
}


/* somebody nobody has seen before; names have no digits */

async function register(page, options = {}) {
    const email = `t${process.pid}-${Date.now()}@flow.example`;

    await page.goto(options.next
                    ? `/register?next=${encodeURIComponent(options.next)}`
                    : '/register');
    await page.getByLabel('姓名').fill('王小演');
    await page.getByLabel('电子邮箱').fill(email);
    await page.getByLabel('密码').fill(password);
    await page.getByRole('checkbox').check();
    await page.getByRole('button', { name: '注册', exact: true }).click();
    await page.getByRole('button', { name: '退出登录' }).waitFor();

    return email;
}


/* a photo as a camera makes it: a real JPEG, of any size */

async function photo(browser, text, name) {
    const page = await browser.newPage({
        viewport: { width: 640, height: 480 },
    });

    await page.setContent(`<body style="font:40px serif;background:#dcd;
        padding:60px;transform:rotate(-2deg)"><h1>${text}</h1>
        <p>演示材料，不是真实证件</p>`);

    const buffer = await page.screenshot({ type: 'jpeg', quality: 70 });

    await page.close();

    return { name: name || `${text}.jpg`, mimeType: 'image/jpeg', buffer };
}


/* the form of the demo's item for traders, filled in */

async function fill(page, paper) {
    await page.getByLabel('公民身份号码').fill('990101199001010019');
    await page.getByLabel('手机号码').fill('10000001234');
    await page.getByLabel('拟用名称').fill('历下区演示小吃店');
    await page.getByLabel('经营范围').fill('餐饮服务');
    await page.getByLabel('经营场所', { exact: true }).fill('演示路 1 号');
    await attach(page, paper);
}


/* any form of an item: the first of what can be chosen, a paper for each
   material */

async function fillAny(page, paper) {
    await page.getByLabel('公民身份号码').fill('990101199001010019');
    await page.getByLabel('手机号码').fill('10000001234');

    for (const field of await page.locator('[name^="form."]').all()) {
        const kind = await field.evaluate((node) => node.inputMode
                                                    || node.type);

        if (kind === 'select-one') {
            await field.selectOption(await field.locator('option')
                .filter({ hasNotText: '请选择' }).first().textContent());

        } else if (kind === 'checkbox') {
            await field.check();

        } else {
            await field.fill({ date: '2026-12-01', numeric: '2' }[kind]
                             || '演示');
        }
    }

    for (const one of await page.locator('.material').all()) {
        await one.locator('input[type=file]').first().setInputFiles(paper);
    }
}


async function attach(page, paper) {
    for (const code of ['M01', 'M02', 'M03']) {
        await material(page, code).locator('input[type=file]').first()
            .setInputFiles(paper);
    }
}


function material(page, code) {
    return page.locator(`[id="f-materials.${code}"]`);
}


/* hands a case in; returns its address */

async function apply(page, item, paper) {
    await page.goto(`/case/new?item=${item}`);
    await fill(page, paper);
    await page.getByRole('button', { name: '提交申请' }).click();
    await page.waitForURL(/\/case\/[0-9a-f-]{36}$/);

    return new URL(page.url()).pathname;
}


/* the rows of all slices that have a page, as t/lib/Rows.pm reads them */

function rows() {
    const text = execFileSync('perl', ['-It/lib', '-MRows', '-MJSON::PP', '-e',
        'print JSON::PP->new->utf8->encode([Rows::all()])'], { cwd: root });

    return JSON.parse(text);
}


/* the demo's account with that role; natural: the first person */

function account(role) {
    const demo = JSON.parse(fs.readFileSync(env('ZWFW_DEMO'), 'utf8'));

    return demo.platforms.find((one) => one.name === 'shandong').accounts
        .find((one) => one.kind === role || one.roles.split(' ')
                                                     .includes(role)).email;
}


/* what axe finds, one line each; the engine is asked past the page's policy */

async function axeFinds(page) {
    const client = await page.context().newCDPSession(page);

    async function evaluate(expression) {
        const answer = await client.send('Runtime.evaluate', {
            expression, awaitPromise: true, returnByValue: true,
        });

        if (answer.exceptionDetails) {
            throw new Error(JSON.stringify(answer.exceptionDetails));
        }

        return answer.result.value;
    }

    await evaluate(`${axe.source}; 0`);

    const found = await evaluate(`axe.run(document, {
        runOnly: { type: 'tag', values: ${JSON.stringify(rules)} },
        resultTypes: ['violations'],
    }).then((result) => result.violations.flatMap((rule) => rule.nodes.map(
        (node) => rule.id + ': ' + node.html.slice(0, 160) + ' '
                  + (node.failureSummary || ''))))`);

    await client.detach();

    return found;
}


/* pixels by which a page is wider than its window */

function overflow(page) {
    return page.evaluate(() => document.documentElement.scrollWidth
                               - document.documentElement.clientWidth);
}


/* bytes and requests of a page that nobody has in a cache */

async function weight(browser, base, path) {
    const page = await person(browser, base);
    const client = await page.context().newCDPSession(page);
    const sum = { bytes: 0, requests: 0 };

    await client.send('Network.enable');
    await client.send('Network.setCacheDisabled', { cacheDisabled: true });
    client.on('Network.loadingFinished', (event) => {
        sum.bytes += event.encodedDataLength;
    });
    client.on('Network.requestWillBeSent', (event) => {
        sum.requests += event.request.url.startsWith('data:') ? 0 : 1;
    });

    await page.goto(path, { waitUntil: 'networkidle' });
    await page.context().close();

    return sum;
}


module.exports = {
    startNginx, startBrowser, person, byKeyboard, logIn, register, photo, fill,
    fillAny, attach, material, apply, rows, account, axeFinds, overflow, weight,
    download, password,
};
