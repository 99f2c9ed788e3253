/*
 * What node:test says, as plain TAP for prove: a line for each test and
 * subtest, what failed as comments.
 */

function comment(error) {
    const cause = error?.cause ?? error;
    const text = String(cause?.stack ?? cause);

    return text.split('\n').map((line) => `# ${line}\n`).join('');
}


export default async function* tap(source) {
    let n = 0;

    for await (const { type, data } of source) {
        if (type !== 'test:pass' && type !== 'test:fail') {
            continue;
        }

        const ok = type === 'test:pass';

        n++;
        yield `${ok ? 'ok' : 'not ok'} ${n} - ${data.name}\n`;

        if (!ok) {
            yield comment(data.details.error);
        }
    }

    yield `1..${n}\n`;
}
