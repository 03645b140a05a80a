// Making and showing passkeys. A form with data-passkey="URL" is sent there first; the answer is what the browser's own
// dialog needs, and what that gives is put into the form, which then goes its ordinary way.
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const listed = (list) => (list ?? []).map((known) => ({ ...known, id: bytes(known.id) }));

  const show = async (options) => {
    const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: listed(options.allowCredentials) };
    const got = await navigator.credentials.get({ publicKey });
    const { authenticatorData, clientDataJSON, signature, userHandle } = got.response;
    return { ...named(got), response: {
      authenticatorData: text(authenticatorData),
      clientDataJSON: text(clientDataJSON),
      signature: text(signature),
      userHandle: userHandle ? text(userHandle) : null,
    } };
  };

  const make = async (options) => {
    const publicKey = {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: listed(options.excludeCredentials),
    };
    const made = await navigator.credentials.create({ publicKey });
    const { attestationObject, clientDataJSON } = made.response;
    return { ...named(made), response: { attestationObject: text(attestationObject), clientDataJSON: text(clientDataJSON) } };
  };

  const named = (credential) => ({ id: credential.id, rawId: text(credential.rawId), type: credential.type, extensions: {} });

  const say = (form, message) => {
    const place = form.querySelector("[data-passkey-says]");
    if (place) place.textContent = message;
  };

  const begin = async (form, submitter) => {
    const body = new URLSearchParams(new FormData(form, submitter));
    const answer = await fetch(form.dataset.passkey, { method: "POST", body });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.detail ?? told.title);
    const publicKey = told.options.publicKey;
    const credential = publicKey.user ? await make(publicKey) : await show(publicKey);
    return { handle: told.handle, credential: JSON.stringify(credential) };
  };

  const refused = {
    NotAllowedError: "No passkey was shown. Try again when you are ready.",
    InvalidStateError: "This passkey is already known here.",
    SecurityError: "Passkeys do not work under this address. Open the page under the gate's own name.",
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset.passkey || form.elements.credential?.value) return;
    // A button that needs no passkey, such as the demo's.
    if (event.submitter?.dataset.plain !== undefined) return;
    event.preventDefault();
    if (!window.PublicKeyCredential) {
      say(form, "This browser has no passkeys. Use a newer one, or another computer.");
      return;
    }
    say(form, "Waiting for your passkey …");
    try {
      for (const [name, value] of Object.entries(await begin(form, event.submitter))) form.elements[name].value = value;
      form.requestSubmit(event.submitter);
    } catch (error) {
      say(form, refused[error.name] ?? `${error.message}`);
    }
  });
})();
