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
  const exact = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "long" });
  const steps = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const times = (root = document) => {
    for (const time of $$("time[datetime]", root)) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      time.title = exact.format(at);
      const seconds = Math.round((at - Date.now()) / 1000);
      const [unit, size] = steps.find(([, size]) => Math.abs(seconds) >= size) || steps[3];
      const days = Math.abs(seconds) / 86400;
      const text = days < 7 ? relative.format(Math.trunc(seconds / size), unit) : exact.format(at);
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
  const wrong = $("[aria-invalid]");
  if (wrong) wrong.focus();

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
        ["/assets/create", say("Add asset", "Asset anlegen")],
      ];
      const seen = new Set();
      return links.map((link) => [link.getAttribute("href"), link.textContent.trim()]).concat(more)
        .filter(([href]) => href && !seen.has(href) && seen.add(href));
    };
    const mark = () => {
      $$("li", list).forEach((item, at) => item.setAttribute("aria-selected", String(at === chosen)));
      const item = $(`#command-${chosen}`, list);
      if (item) { input.setAttribute("aria-activedescendant", item.id); item.scrollIntoView({ block: "nearest" }); }
    };
    const draw = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      shown = all().filter(([, label]) => words.every((word) => label.toLowerCase().includes(word)));
      if (input.value.trim()) {
        shown.push([`/search?q=${encodeURIComponent(input.value.trim())}`, say("Search for “", "Suchen nach „") + input.value.trim() + say("”", "“")]);
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
    const open = () => { input.value = ""; draw(); palette.showModal(); };
    document.addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); open(); return; }
      const writing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
      if (writing || event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
      if (event.key === "/") { event.preventDefault(); $("#q").focus(); }
      if (event.key === "?") { event.preventDefault(); $("#keys").showModal(); }
      if (event.key === "j" || event.key === "k") {
        const rows = $$("main tbody tr");
        if (!rows.length) return;
        const at = rows.findIndex((row) => row.classList.contains("at"));
        const next = Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), rows.length - 1);
        if (rows[at]) rows[at].classList.remove("at");
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
    let busy = false;
    const settle = (part, fresh) => { part.replaceChildren(...fresh.childNodes); times(part); forms(part); };
    const held = (part) => part && part.contains(document.activeElement);
    // A change may bring a part that was not there, or take an action away that is not possible any more.
    const reshape = (page) => {
      const columns = $$(".col", page);
      $$(".col").forEach((column, at) => {
        const fresh = columns[at];
        if (!fresh || fresh.children.length === column.children.length) return;
        if (!held(column)) settle(column, fresh);
        else for (const part of [...fresh.children]) if (!document.getElementById(part.id)) column.append(part);
      });
      const [before, now] = [$(".head .actions"), $(".head .actions", page)];
      if (before?.innerHTML !== now?.innerHTML && !held(before)) {
        before?.remove();
        if (now) $(".head").append(now);
      }
    };
    const again = async () => {
      if (busy) return;
      busy = true;
      try {
        const answer = await fetch(location.href, { headers: { "x-again": "1" } });
        if (!answer.ok || answer.redirected) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        reshape(page);
        for (const part of $$(".part[id], #sum")) {
          const fresh = page.getElementById(part.id);
          if (!fresh) continue;
          times(fresh);
          if (fresh.innerHTML === part.innerHTML || held(part)) continue;
          const list = $(".list", part) && document.body.dataset.place !== "home";
          if (list && first(part) !== first(fresh)) {
            $(".fresh", part)?.remove();
            const chip = document.createElement("button");
            chip.className = "fresh";
            chip.type = "button";
            chip.textContent = say("There is something new. Show it", "Es gibt Neues. Anzeigen");
            chip.addEventListener("click", () => settle(part, fresh));
            part.prepend(chip);
          } else {
            settle(part, fresh);
          }
        }
      } catch { /* The next change asks again. */ } finally { busy = false; }
    };
    // A page that nobody sees does not follow. It looks again when it is seen.
    let source;
    const follow = () => {
      source?.close();
      source = undefined;
      if (document.hidden) return;
      source = new EventSource(`/live?of=${encodeURIComponent(location.pathname)}`);
      source.addEventListener("changed", again);
    };
    follow();
    document.addEventListener("visibilitychange", () => { follow(); if (!document.hidden) again(); });
    addEventListener("pagehide", () => source?.close());
  }
})();
