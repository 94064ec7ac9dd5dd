// dashboard.mjs URL [PICTURE.png]: the page in Chromium. For each line read it prints what the page shows then, as JSON.
import readline from "node:readline";
import { chromium } from "playwright-core";

const [url, picture] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1200, height: 760 } });
const errors = [];
page.on("pageerror", (error) => errors.push(String(error)));
page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
await page.goto(url);
for await (const _ of readline.createInterface({ input: process.stdin })) {
  const shown = await page.evaluate(() => {
    const text = (selector) => document.querySelector(selector).textContent;
    const pairs = (selector) => Object.fromEntries([...document.querySelectorAll(selector)].map((e) => [e.children[0].textContent, e.children[1].textContent]));
    const names = [...document.querySelectorAll("#columns th")].map((e) => e.textContent);
    const rows = [...document.querySelectorAll("#processes tr")].map((row) => Object.fromEntries(names.map((name, i) => [name, row.children[i].textContent])));
    return { title: document.title, cell: text("#cell"), ready: text("#ready"), why: text("#why"), tiles: pairs(".tile"), hops: pairs(".hop"),
             processes: Object.fromEntries(rows.map((row) => [row.process, row])) };
  });
  if (picture) await page.screenshot({ path: picture });
  console.log(JSON.stringify({ ...shown, errors }));
}
await browser.close();
