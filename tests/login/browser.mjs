// A person before a browser: opens an address, signs in wherever that leads, and says what was seen.
//
// The environment names the file with what to do (OBOLUS_BROWSER_JOB), where the report goes (OBOLUS_BROWSER_REPORT),
// Playwright's module and Chromium. A job is
//   { "open": address, "until": start of the address where it ends,
//     "username": …, "passwords": [those that are tried, one after the other],
//     "accept": whether the person agrees to what the application asks for,
//     "trust": [digests of the public keys of authorities that are believed], "within": milliseconds }
// The report has the pages that were seen, and where it ended:
//   { "pages": [{ "kind", "at", "title", "says" }], "ended": "callback" | "outcome" | "refused" | "stuck",
//     "callback": { "at", "parameters": [names], "error", "iss" }, "outcome": what a page of ours came to, "console": [lines],
//     "answers": [{ "method", "at", "status", "cors": { header: value } }] }
// What a callback's `code` and `state` are stays in the browser.

import { readFileSync, writeFileSync } from 'node:fs';

const { chromium } = await import(process.env.OBOLUS_PLAYWRIGHT);
const job = JSON.parse(readFileSync(process.env.OBOLUS_BROWSER_JOB, 'utf8'));
const report = { pages: [], ended: 'stuck', callback: null, outcome: null, console: [], answers: [] };

// Kinds of pages by what they have, most telling first.
const KINDS = [
  ['outcome', '#outcome'],
  ['keycloak consent', '#kc-oauth'],
  ['keycloak sign-in', 'form#kc-form-login'],
  ['keycloak refusal', '#kc-error-message'],
  ['entra sign-in', '#sign-in'],
  ['refusal', 'h1'],
];
const ANY = KINDS.map(([, selector]) => selector).join(', ');

const arrived = (url) => Boolean(job.until) && String(url).startsWith(job.until);
const withoutQuery = (url) => String(url).split(/[?#]/)[0];

const browser = await chromium.launch({
  executablePath: process.env.OBOLUS_CHROMIUM,
  env: { ...process.env, LD_LIBRARY_PATH: process.env.OBOLUS_CHROMIUM_LIBRARIES },
  args: [
    '--no-sandbox',
    // Anything but these addresses is nobody's: nothing that a page links to is asked for elsewhere.
    '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1',
    `--ignore-certificate-errors-spki-list=${job.trust.join(',')}`,
  ],
});

async function run() {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(job.within);
  page.on('console', (line) => report.console.push(line.text()));
  page.on('response', (answer) => {
    const cors = Object.entries(answer.headers()).filter(([name]) => name.startsWith('access-control-'));
    const { method, url } = { method: answer.request().method(), url: withoutQuery(answer.url()) };
    report.answers.push({ method, at: url, status: answer.status(), cors: Object.fromEntries(cors) });
  });
  const landed = page.waitForURL(arrived, { waitUntil: 'commit' }).then(() => 'landed', () => 'late');
  await page.goto(job.open, { waitUntil: 'commit' }).catch((error) => {
    if (!arrived(page.url())) throw error;
  });
  let passwords = [...job.passwords];
  for (;;) {
    const shown = page.locator(ANY).first().waitFor({ state: 'attached' }).then(() => 'shown', () => 'late');
    await Promise.race([landed, shown]);
    await page.waitForLoadState('domcontentloaded').catch(() => {});
    if (arrived(page.url())) {
      const { searchParams } = new URL(page.url());
      report.callback = {
        at: withoutQuery(page.url()),
        parameters: [...searchParams.keys()],
        error: searchParams.get('error'),
        iss: searchParams.get('iss'),
      };
      report.ended = 'callback';
      return;
    }
    const kind = await kindOf(page);
    if (kind === undefined) continue;
    report.pages.push({
      kind,
      at: withoutQuery(page.url()),
      title: await page.title(),
      says: (await page.locator('[id^=input-error], #kc-error-message, [role=alert], #kc-oauth, pre').allInnerTexts()).join('\n').trim(),
    });
    if (kind === 'outcome') {
      report.outcome = JSON.parse(await page.locator('#outcome').innerText());
      report.ended = 'outcome';
      return;
    }
    if (kind.endsWith('refusal')) {
      report.ended = 'refused';
      return;
    }
    const password = kind.endsWith('sign-in') ? passwords.shift() : undefined;
    if (kind.endsWith('sign-in') && password === undefined) {
      report.ended = 'refused';
      return;
    }
    const next = page.waitForEvent('framenavigated');
    await answer(page, kind, password);
    await next;
  }
}

async function kindOf(page) {
  for (const [kind, selector] of KINDS) {
    if (await page.locator(selector).count().catch(() => 0)) return kind;
  }
  return undefined;
}

async function answer(page, kind, password) {
  switch (kind) {
    case 'keycloak sign-in':
      await page.fill('#username', job.username);
      await page.fill('#password', password);
      return page.click('#kc-login', { noWaitAfter: true });
    case 'keycloak consent':
      return page.click(job.accept ? '#kc-login' : '#kc-cancel', { noWaitAfter: true });
    case 'entra sign-in':
      if (!job.accept) return page.click('[name=decline]', { noWaitAfter: true });
      await page.fill('#username', job.username);
      await page.fill('#password', password);
      await page.check('#accept');
      return page.click('#sign-in', { noWaitAfter: true });
  }
}

try {
  await run();
} catch (error) {
  report.console.push(String(error));
} finally {
  writeFileSync(process.env.OBOLUS_BROWSER_REPORT, JSON.stringify(report));
  await browser.close();
}
