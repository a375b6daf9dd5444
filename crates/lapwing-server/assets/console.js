// What only a script can do: numbers that stay current, copying, hiding. Every page works without it.
"use strict";

const LIVE_MS = 15000;
const HIDE_MS = 60000;
const CLEAR_MS = 30000;
const CHECK_MS = 400;

for (const part of document.querySelectorAll("[data-live]")) {
  const refresh = async () => {
    if (document.hidden) return;
    const answer = await fetch(part.dataset.live, { credentials: "same-origin", redirect: "error" }).catch(() => null);
    // A session that has ended, or a server that is away: what was shown last stays, with its time.
    if (answer === null || !answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    // Somebody is at it.
    if (part.contains(document.activeElement) || part.querySelector("details[open] form, input:checked")) return;
    part.replaceChildren(...fresh.body.childNodes);
  };
  setInterval(refresh, Number(part.dataset.liveMs) || LIVE_MS);
}

// What is typed is judged by the server at each pause, by the same rules as when it is sent.
for (const form of document.querySelectorAll("form[data-check]")) {
  const lines = form.querySelectorAll("[data-said]");
  let pause, latest;
  const judge = async () => {
    const members = [...new FormData(form)].filter(([name]) => name !== "code" && name !== "passkey");
    latest?.abort();
    latest = new AbortController();
    const { signal } = latest;
    try {
      const answer = await fetch(form.dataset.check, {
        method: "POST", body: new URLSearchParams(members), redirect: "error", signal,
      });
      // A session that has ended, or a server that is away: sending the form will tell.
      if (!answer.ok) return;
      const { said } = await answer.json();
      for (const line of lines) {
        const found = said[line.dataset.said];
        const text = found?.text ?? "";
        if (line.textContent !== text) line.textContent = text;
        line.className = `said ${found?.kind ?? ""}`;
        const field = form.elements[line.dataset.said];
        if (field) field.setAttribute("aria-invalid", String(found?.kind === "fault"));
      }
    } catch {
      // Replaced by a later one, or cut off.
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(judge, CHECK_MS);
  });
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

// Web Authentication: the server asks, the browser answers, the form carries the answer.

const toBytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const ask = async (form, path) => {
  const body = new URLSearchParams({ csrf: form.elements.csrf.value });
  const answer = await fetch(path, { method: "POST", body, redirect: "error" });
  if (!answer.ok) throw new Error("the session has ended");
  return answer.json();
};

const known = (asked) => asked.passkeys.map((id) => ({ type: "public-key", id: toBytes(id) }));

const use = async (form, path) => {
  const asked = await ask(form, path);
  const { rawId, response } = await navigator.credentials.get({
    publicKey: {
      challenge: toBytes(asked.challenge),
      rpId: asked.host,
      allowCredentials: known(asked),
      userVerification: "preferred",
    },
  });
  const parts = [rawId, response.clientDataJSON, response.authenticatorData, response.signature];
  form.elements.passkey.value = parts.map(toText).join(".");
  form.elements.code.required = false;
};

const make = async (form, path) => {
  const asked = await ask(form, path);
  const { response } = await navigator.credentials.create({
    publicKey: {
      challenge: toBytes(asked.challenge),
      rp: { id: asked.host, name: "Lapwing" },
      user: { id: new TextEncoder().encode(asked.name), name: asked.name, displayName: asked.name },
      // ES256, and RS256 for authenticators that know nothing else.
      pubKeyCredParams: [-7, -257].map((alg) => ({ type: "public-key", alg })),
      excludeCredentials: known(asked),
      authenticatorSelection: { residentKey: "discouraged", userVerification: "preferred" },
      attestation: "none",
    },
  });
  const parts = [response.clientDataJSON, response.getAuthenticatorData(), response.getPublicKey()];
  form.elements.made.value = parts.map(toText).join(".");
};

const onClick = (button, told, work) => {
  button.addEventListener("click", async () => {
    try {
      await work();
      button.form.requestSubmit(button.form.querySelector("button:not([type=button])"));
    } catch (error) {
      told.textContent = `That did not work: ${error.message}`;
    }
  });
};

if (window.PublicKeyCredential) {
  for (const part of document.querySelectorAll("[data-passkey]")) {
    part.hidden = false;
    const button = part.querySelector("button");
    onClick(button, part.querySelector("[role=status]"), () => use(button.form, part.dataset.passkey));
  }
  for (const form of document.querySelectorAll("[data-make]")) {
    form.hidden = false;
    const told = form.querySelector(":scope > [role=status]");
    onClick(form.querySelector("[data-add]"), told, () => make(form, form.dataset.make));
  }
}

// A page that the browser kept and shows again by going back would show the password again.
window.addEventListener("pageshow", (event) => {
  if (event.persisted && document.querySelector("[data-password]")) location.reload();
});
