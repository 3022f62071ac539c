// Passkeys: the browser's half of WebAuthn. The form's fields carry what the server asked and what the key answered.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-passkey]");
  if (!button) return;
  const form = button.closest("form");
  const asked = JSON.parse(form.querySelector("[name=options]").value);
  try {
    const answer = button.dataset.passkey === "make" ? await make(asked) : await show(asked);
    form.querySelector("[name=answer]").value = JSON.stringify(answer);
    form.submit();
  } catch (error) {
    const place = form.querySelector("[data-problem]");
    place.textContent = error.name === "NotAllowedError" ? "The passkey was not used. Try again, or take another way." : `The passkey could not be used (${error.name}).`;
    place.hidden = false;
  }
});

const named = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));

async function make(asked) {
  const publicKey = { ...asked, challenge: bytes(asked.challenge), user: { ...asked.user, id: bytes(asked.user.id) }, excludeCredentials: named(asked.excludeCredentials) };
  const made = await navigator.credentials.create({ publicKey });
  return {
    id: made.id, rawId: text(made.rawId), type: made.type,
    response: { clientDataJSON: text(made.response.clientDataJSON), attestationObject: text(made.response.attestationObject), transports: made.response.getTransports?.() ?? [] },
  };
}

async function show(asked) {
  const publicKey = { ...asked, challenge: bytes(asked.challenge), allowCredentials: named(asked.allowCredentials) };
  const shown = await navigator.credentials.get({ publicKey });
  const { clientDataJSON, authenticatorData, signature, userHandle } = shown.response;
  return {
    id: shown.id, rawId: text(shown.rawId), type: shown.type,
    response: { clientDataJSON: text(clientDataJSON), authenticatorData: text(authenticatorData), signature: text(signature), userHandle: userHandle ? text(userHandle) : null },
  };
}
