// dashboard.mjs URL [PICTURE.png]: the page in Chromium. For each line read it prints what the page shows then, as JSON; a line
// that says something ("tenants") opens "who costs most" and chooses that first.
import readline from "node:readline";
import { chromium } from "playwright-core";

const [url, picture] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1200, height: 1000 } });
const errors = [];
page.on("pageerror", (error) => errors.push(String(error)));
page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
await page.goto(url);
for await (const line of readline.createInterface({ input: process.stdin })) {
  if (line) {
    await page.evaluate(() => { document.querySelector("#top").open = true; });
    await page.selectOption("#what", line);
  }
  const shown = await page.evaluate(() => {
    const text = (selector) => document.querySelector(selector).textContent;
    const pairs = (selector) => Object.fromEntries([...document.querySelectorAll(selector)].map((e) => [e.children[0].textContent, e.children[1].textContent]));
    const table = (heads, rows) => {
      const names = [...document.querySelectorAll(`${heads} th`)].map((e) => e.textContent);
      return [...document.querySelectorAll(`${rows} tr`)].map((row) => Object.fromEntries(names.map((name, i) => [name, row.children[i].textContent])));
    };
    return { title: document.title, cell: text("#cell"), ready: text("#ready"), why: text("#why"), tiles: pairs(".tile"), hops: pairs(".hop"),
             processes: Object.fromEntries(table("#columns", "#processes").map((row) => [row.process, row])),
             top: table("#heads", "#rows"), answered: text("#answered") };
  });
  if (picture) await page.screenshot({ path: picture });
  console.log(JSON.stringify({ ...shown, errors }));
}
await browser.close();
