/*
 * Improves pages that work without it: a form is sent once, what was typed is
 * not lost unasked, a chosen file is shown before it is sent.
 */

const sent = new WeakSet();
const dirty = new Set();
const most = 20 * 1024 * 1024;      /* bytes of a request, and of a file */


/* a second press of the same button sends nothing */

function send(event) {
    const form = event.target;

    if (event.defaultPrevented || form.method !== 'post') {
        return;
    }

    if (sent.has(form)) {
        event.preventDefault();
        return;
    }

    sent.add(form);
    dirty.delete(form);

    for (const button of form.querySelectorAll('[type="submit"]')) {
        button.setAttribute('aria-disabled', 'true');
    }
}


/* the browser's back button shows the page as it was left: usable again */

function again() {
    for (const form of document.forms) {
        sent.delete(form);
        for (const button of form.querySelectorAll('[aria-disabled]')) {
            button.removeAttribute('aria-disabled');
        }
    }
}


function leave(event) {
    if (dirty.size) {
        event.preventDefault();
    }
}


function size(bytes) {
    if (bytes < 1024 * 1024) {
        return `${Math.max(1, Math.round(bytes / 1024))} KB`;
    }

    return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}


/* why a file would be refused; nothing: it would not */

function wrong(file) {
    if (file.size === 0) {
        return '文件是空的，请重新选择。';
    }

    if (file.size > most) {
        return `超过 ${size(most)}，请缩小后重新选择。`;
    }

    return /\.(jpe?g|png|pdf)$/i.test(file.name) ? ''
           : '不是 JPG、PNG 图片或者 PDF 文件，请重新选择。';
}


/* a small picture, painted: no URL is needed */

async function paint(file, box) {
    const canvas = document.createElement('canvas');
    const image = await createImageBitmap(file);
    const scale = Math.min(1, 256 / Math.max(image.width, image.height));

    canvas.width = Math.max(1, Math.round(image.width * scale));
    canvas.height = Math.max(1, Math.round(image.height * scale));
    canvas.className = 'preview';
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `${file.name} 的缩小图`);
    canvas.getContext('2d').drawImage(image, 0, 0, canvas.width,
                                      canvas.height);
    image.close();
    box.append(canvas);
}


function choose(input) {
    const box = chosen(input);

    box.replaceChildren();

    for (const file of input.files) {
        const line = document.createElement('p');
        const why = wrong(file);

        line.textContent = `${file.name}（${size(file.size)}）${why}`;
        box.append(line);

        if (why) {
            line.className = 'error';

        } else if (file.type.startsWith('image/')) {
            paint(file, box).catch(() => {
                line.textContent += '这张图片无法预览。';
            });
        }
    }

    judge(input.form);
}


/* a form whose files are too big for one request is not sent */

function judge(form) {
    const inputs = [...form.elements].filter((field) => field.type === 'file');
    const sum = inputs.flatMap((input) => [...input.files])
        .reduce((bytes, file) => bytes + file.size, 0);

    for (const input of inputs) {
        const why = [...input.files].map(wrong).find(Boolean);

        input.setCustomValidity(
            why ? why
            : input.files.length && sum > most
              ? `文件合计超过 ${size(most)}，请先存为草稿，再分几次上传。` : '');
    }
}


/* where the chosen files of an input are told, also to screen readers */

function chosen(input) {
    const next = input.nextElementSibling;

    if (next && next.classList.contains('chosen')) {
        return next;
    }

    const box = document.createElement('div');

    box.className = 'chosen';
    box.setAttribute('aria-live', 'polite');
    input.after(box);

    return box;
}


/* GB 11643: said before the photos are sent, not after */

function identify(field) {
    const text = field.value.trim().toUpperCase();
    let sum = 0;

    for (let i = 0; i < 17; i++) {
        sum += text[i] * (2 ** (17 - i) % 11);
    }

    const wrong = /^\d{17}[\dX]$/.test(text)
                  && text[17] !== '10X98765432'[sum % 11];

    field.setCustomValidity(wrong ? '最后一位对不上，请对照证件检查。' : '');
}


/* characters left of a text field with a limit */

function left(field) {
    const hint = document.getElementById(field.dataset.left);
    const rest = field.maxLength - field.value.length;

    if (hint) {
        hint.textContent = `还可以输入 ${rest} 个字。`;
    }
}


function change(event) {
    const field = event.target;

    if (field.form && 'keep' in field.form.dataset) {
        dirty.add(field.form);
    }

    if (field.type === 'file' && event.type === 'change') {
        choose(field);
    }

    if (field.dataset.left) {
        left(field);
    }

    if ('identity' in field.dataset) {
        identify(field);
    }
}


document.addEventListener('submit', send);
document.addEventListener('input', change);
document.addEventListener('change', change);
addEventListener('pageshow', again);
addEventListener('beforeunload', leave);

for (const button of document.querySelectorAll('[data-print]')) {
    button.hidden = false;
    button.addEventListener('click', () => print());
}

document.querySelector('.summary')?.focus();
