// What only a script can do: numbers that stay current, copying, hiding. Every page works without it.
"use strict";

const LIVE_MS = 15000;
const HIDE_MS = 60000;
const CLEAR_MS = 30000;

for (const part of document.querySelectorAll("[data-live]")) {
  const refresh = async () => {
    if (document.hidden) return;
    const answer = await fetch(part.dataset.live, { credentials: "same-origin", redirect: "error" }).catch(() => null);
    // A session that has ended, or a server that is away: what was shown last stays, with its time.
    if (answer === null || !answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    // Somebody is at it with the keyboard.
    if (part.contains(document.activeElement)) return;
    part.replaceChildren(...fresh.body.childNodes);
  };
  setInterval(refresh, Number(part.dataset.liveMs) || LIVE_MS);
}

for (const part of document.querySelectorAll("[data-password]")) {
  const output = part.querySelector("output");
  const told = part.querySelector("[data-told]");
  const tell = (text) => { told.textContent = text; };
  const hide = () => {
    output.textContent = "hidden";
    for (const gone of part.querySelectorAll("details, [data-tools]")) gone.remove();
  };
  part.querySelector("[data-tools]").hidden = false;
  part.querySelector("[data-hide]").addEventListener("click", () => { hide(); tell("Hidden."); });
  if (part.dataset.password === "brief") setTimeout(() => { hide(); tell("Hidden after a minute."); }, HIDE_MS);

  part.querySelector("[data-copy]").addEventListener("click", async () => {
    const secret = output.textContent;
    try {
      await navigator.clipboard.writeText(secret);
    } catch {
      tell("The browser did not let it be copied. Select it and copy it by hand.");
      return;
    }
    tell("Copied. The clipboard is cleared in 30 seconds if this page stays open.");
    setTimeout(async () => {
      try {
        // Another text may be there by now; where the browser lets us look, it stays.
        const there = await navigator.clipboard.readText().catch(() => secret);
        if (there === secret) await navigator.clipboard.writeText("");
        tell("The clipboard was cleared. A clipboard's history may still keep it.");
      } catch {
        tell("The clipboard could not be cleared: the password is still there.");
      }
    }, CLEAR_MS);
  });
}

// A page that the browser kept and shows again by going back would show the password again.
window.addEventListener("pageshow", (event) => {
  if (event.persisted && document.querySelector("[data-password]")) location.reload();
});
