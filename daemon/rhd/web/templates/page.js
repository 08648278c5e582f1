// The page works without this: it only adds two conveniences.
const show = document.getElementById("show"), copy = document.getElementById("copy");
if (show) {
  const field = document.getElementById("passphrase");
  show.hidden = false;
  show.onclick = () => {
    const isShown = field.type === "text";
    field.type = isShown ? "password" : "text";
    show.textContent = isShown ? "Show" : "Hide";
    show.setAttribute("aria-pressed", String(!isShown));
    field.focus();
  };
  field.form.onsubmit = () => { field.type = "password"; };
}
if (copy) {
  const command = document.getElementById("command");
  copy.hidden = false;
  copy.onclick = async () => {
    getSelection().selectAllChildren(command);
    try { await navigator.clipboard.writeText(command.textContent); }
    catch { document.execCommand("copy"); }
    copy.textContent = "Copied";
  };
}
