// What makes pages better when scripts run: copying, local times, the palette, keys, and following what happens.
// Nothing here is needed to read a page or to send a form.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const language = document.documentElement.lang;
  const german = language === "de";
  const say = (english, other) => (german ? other : english);

  // Times: relative, with the exact instant and zone on hover.
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const { zone: timeZone, base = "" } = document.documentElement.dataset;
  const exact = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "long", timeZone });
  const steps = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const times = (root = document) => {
    for (const time of $$("time[datetime]", root)) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      time.title = exact.format(at);
      const seconds = Math.round((at - Date.now()) / 1000);
      const [unit, size] = steps.find(([, size]) => Math.abs(seconds) >= size) || steps[3];
      const days = Math.abs(seconds) / 86400;
      const text = days < 7 && !("exact" in time.dataset) ? relative.format(Math.trunc(seconds / size), unit) : exact.format(at);
      if (time.textContent !== text) time.textContent = text;
    }
  };
  times();
  setInterval(() => document.hidden || times(), 20000);

  // Copying.
  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      await navigator.clipboard.writeText(copy.dataset.copy).catch(() => {});
      const before = copy.textContent;
      copy.textContent = say("Copied", "Kopiert");
      news.textContent = copy.textContent;
      setTimeout(() => { copy.textContent = before; }, 1500);
    }
    if (event.target.closest("[data-close]")) event.target.closest(".flash").remove();
  });

  // A message goes by itself, but not while somebody reads it.
  const flash = $(".flash.done");
  if (flash) {
    let timer;
    const later = () => { timer = setTimeout(() => flash.remove(), 5000); };
    for (const stop of ["mouseenter", "focusin"]) flash.addEventListener(stop, () => clearTimeout(timer));
    for (const go of ["mouseleave", "focusout"]) flash.addEventListener(go, later);
    later();
  }

  // The chosen one of many tabs is in sight.
  $(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });

  // Typed confirmation, and one send per form.
  const forms = (root = document) => {
    for (const form of $$("form[data-keyword]", root)) {
      const input = $("[data-keyword-input]", form);
      const button = $(".submit button", form);
      if (!input || !button) continue;
      const check = () => { button.disabled = input.value.trim() !== form.dataset.keyword.trim(); };
      input.addEventListener("input", check);
      check();
    }
  };
  forms();
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    setTimeout(() => { delete form.dataset.sent; }, 4000);
  });
  const wrong = $("[aria-invalid]") || $(".problem");
  if (wrong) wrong.focus();

  // A table that fits needs no stop of its own for scrolling, and its head stays in sight.
  const fit = (root = document) => {
    for (const box of $$(".scroll", root)) {
      const fits = box.scrollWidth <= box.clientWidth;
      box.classList.toggle("fits", fits);
      if (fits) box.removeAttribute("tabindex"); else box.tabIndex = 0;
    }
  };
  fit();
  addEventListener("resize", () => fit());

  // What changes without a key pressed is told to screen readers.
  const news = document.body.appendChild(document.createElement("p"));
  news.className = "unseen";
  news.setAttribute("role", "status");

  // The menu of a narrow window keeps the focus while it is open, and gives it back.
  const rail = $("#rail");
  if (rail) {
    const open = () => location.hash === "#rail" && matchMedia("(max-width:900px)").matches;
    const close = $(".close", rail);
    const shut = () => { location.replace("#main"); $(".menu").focus(); };
    close.addEventListener("click", (event) => { event.preventDefault(); shut(); });
    rail.addEventListener("keydown", (event) => { if (event.key === "Escape" && open()) shut(); });
    document.addEventListener("focusin", (event) => { if (open() && !rail.contains(event.target)) close.focus(); });
    addEventListener("hashchange", () => { if (open()) close.focus(); });
  }

  // Palette: every place, and what the page offers.
  const palette = $("#palette");
  if (palette) {
    const input = $("#command");
    const list = $("#commands");
    let chosen = 0;
    let shown = [];
    const all = () => {
      const links = $$(".rail li a, main .actions a, main .chips a");
      const more = [
        ["/payments/create", say("New payment", "Neue Zahlung")],
        ["/payments/incoming/create", say("New incoming payment", "Neuer Zahlungseingang")],
        ["/wallet-addresses/create", say("Create wallet address", "Wallet-Adresse anlegen")],
        ["/peers/create", say("Create peer", "Peer anlegen")],
        ["/peers/by-url", say("Peer by URL", "Peer per URL")],
        ["/health", say("Health", "Zustand")],
        ["/webhooks/endpoints/create", say("Add endpoint", "Endpunkt hinzufügen")],
        ["/webhooks/deliveries?state=QUARANTINED,EXHAUSTED", say("Dead letters", "Unzustellbar")],
        ["/assets/create", say("Add asset", "Asset anlegen")],
        ["/liquidity/withdraw-settled", say("Withdraw what is settled", "Abgeschlossenes auszahlen")],
        ["/webhooks/signature", say("Signature of a webhook", "Signatur eines Webhooks")],
      ];
      const seen = new Set();
      return links.map((link) => [link.getAttribute("href"), link.textContent.trim()]).concat(more.map(([href, label]) => [base + href, label]))
        .filter(([href]) => href && !seen.has(href) && seen.add(href));
    };
    const mark = () => {
      $$("li", list).forEach((item, at) => item.setAttribute("aria-selected", String(at === chosen)));
      const item = $(`#command-${chosen}`, list);
      if (!item) { input.removeAttribute("aria-activedescendant"); return; }
      input.setAttribute("aria-activedescendant", item.id);
      item.scrollIntoView({ block: "nearest" });
    };
    const draw = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      shown = all().filter(([, label]) => words.every((word) => label.toLowerCase().includes(word)));
      if (input.value.trim()) {
        shown.push([`${base}/search?q=${encodeURIComponent(input.value.trim())}`, say("Search for “", "Suchen nach „") + input.value.trim() + say("”", "“")]);
      }
      list.replaceChildren(...shown.map(([href, label], at) => {
        const item = document.createElement("li");
        item.id = `command-${at}`;
        item.setAttribute("role", "option");
        item.textContent = label;
        item.addEventListener("click", () => { location.href = href; });
        return item;
      }));
      chosen = 0;
      mark();
    };
    input.addEventListener("input", draw);
    input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        chosen = (chosen + (event.key === "ArrowDown" ? 1 : shown.length - 1)) % Math.max(shown.length, 1);
        mark();
        event.preventDefault();
      }
      if (event.key === "Enter") {
        event.preventDefault();
        if (shown[chosen]) location.href = shown[chosen][0];
      }
    });
    const open = () => { if ($("dialog[open]")) return; input.value = ""; draw(); palette.showModal(); };
    document.addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); open(); return; }
      const writing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
      if (writing || event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
      if ("noKeys" in document.body.dataset) return;
      if (event.key === "/") { event.preventDefault(); $("#q").focus(); }
      if (event.key === "?") { event.preventDefault(); $("#keys").showModal(); }
      if (event.key === "j" || event.key === "k") {
        const rows = $$("main tbody tr");
        if (!rows.length) return;
        const focused = rows.findIndex((row) => row.contains(document.activeElement));
        const at = focused >= 0 ? focused : rows.findIndex((row) => row.classList.contains("at"));
        const next = Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), rows.length - 1);
        for (const row of rows) row.classList.remove("at");
        rows[next].classList.add("at");
        const link = $("a", rows[next]);
        if (link) link.focus();
        event.preventDefault();
      }
    });
  }

  // Following: the stream says that something changed, the page asks for itself again. Lists never jump by themselves.
  if ("live" in document.body.dataset && window.EventSource) {
    const first = (root) => $$("tbody tr td:first-child", root).map((cell) => cell.textContent).join("\n");
    const held = (part) => part && part.contains(document.activeElement);
    const isChanged = (input) => {
      if (input.type === "checkbox") return input.checked !== input.defaultChecked;
      if (input.options) return input.selectedOptions[0] !== ($("option[selected]", input) || input.options[0]);
      return input.value !== input.defaultValue;
    };
    const isWritten = (part) => $$("input, textarea, select", part).some((input) => input === document.activeElement || isChanged(input));
    const named = (node) => [node.tagName, node.getAttribute("href"), node.getAttribute("aria-label") || node.textContent].join(" ");
    const alike = (node, root) => $$(node.tagName, root).filter((other) => named(other) === named(node));
    // What scripts and hands changed in a part, and the tokens of forms, are no difference.
    const content = (part) => part.innerHTML.replace(/ (open|disabled|class)=""| tabindex="0"| fits(?=")| class="at"| data-sent="yes"|name="once" value="[^"]*"/g, "");
    // New content takes over which folds are open and what has the focus. If that is gone, the focus goes to the main part.
    const settle = (part, fresh) => {
      const had = held(part) ? document.activeElement : undefined;
      const place = had && alike(had, part).indexOf(had);
      for (const fold of $$("details[open] > summary", part)) {
        const other = alike(fold, fresh)[alike(fold, part).indexOf(fold)];
        if (other) other.parentElement.open = true;
      }
      // A form keeps its token: sent from both contents it counts once.
      for (const form of $$("form[method=post]", part)) {
        const other = $$("form[method=post]", fresh).find(({ action }) => action === form.action);
        if (!other) continue;
        other.elements.once.value = form.elements.once.value;
        if (form.dataset.sent) other.dataset.sent = form.dataset.sent;
      }
      part.replaceChildren(...fresh.childNodes);
      times(part); forms(part); fit(part);
      if (had) (alike(had, part)[place] || $("#main")).focus({ preventScroll: true });
    };
    // A change may bring a part that was not there, or take an action away that is not possible any more.
    const reshape = (page) => {
      const columns = $$(".col", page);
      $$(".col").forEach((column, at) => {
        const fresh = columns[at];
        if (!fresh || fresh.children.length === column.children.length) return;
        if (!isWritten(column)) settle(column, fresh);
        else for (const part of [...fresh.children]) if (!document.getElementById(part.id)) column.append(part);
      });
      const none = document.createElement("div");
      none.className = "actions";
      const before = $(".head .actions") || $(".head").appendChild(none.cloneNode());
      const now = $(".head .actions", page) || none;
      if (content(before) !== content(now)) settle(before, now);
    };
    let busy = false;
    let missed = false;
    const look = async () => {
      const answer = await fetch(location.href, { headers: { "x-again": "1" } });
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      reshape(page);
      for (const part of $$(".part[id], #sum")) {
        const fresh = page.getElementById(part.id);
        if (!fresh) continue;
        times(fresh);
        if (content(fresh) === content(part) || isWritten(part)) continue;
        const list = $(".list", part) && document.body.dataset.place !== "home" && !$(".columns");
        if (list && first(part) !== first(fresh)) {
          $(".fresh", part)?.remove();
          const chip = document.createElement("button");
          chip.className = "fresh";
          chip.type = "button";
          chip.textContent = say("There is something new. Show it", "Es gibt Neues. Anzeigen");
          news.textContent = chip.textContent;
          chip.addEventListener("click", () => { settle(part, fresh); $("a", part)?.focus(); });
          part.prepend(chip);
        } else {
          settle(part, fresh);
        }
      }
    };
    // A change while the page is loaded again is not lost: it is loaded once more.
    const again = async () => {
      missed = true;
      if (busy) return;
      busy = true;
      while (missed) {
        missed = false;
        await look().catch(() => { /* The next change asks again. */ });
      }
      busy = false;
    };
    // A page that nobody sees does not follow. It looks again when it is seen.
    let source;
    // What the page shows has this mark; it is empty if the server did not know one in time.
    let mark = document.body.dataset.live;
    const follow = () => {
      source?.close();
      source = undefined;
      if (document.hidden) return;
      source = new EventSource(`${base}/live?of=${encodeURIComponent(location.pathname.slice(base.length) || "/")}`);
      // A stream begins with the mark of the content. Another one than that of this page is a reason to look.
      const marked = ({ data }) => { if (data && data !== mark) { mark = data; again(); } };
      source.addEventListener("open", marked);
      source.addEventListener("changed", marked);
    };
    follow();
    document.addEventListener("visibilitychange", follow);
    addEventListener("pagehide", () => source?.close());
  }
})();
