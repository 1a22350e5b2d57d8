// Wide tables scroll: by keyboard, too.
document.addEventListener("DOMContentLoaded", () => {
  const wraps = () => document.querySelectorAll(".md-typeset__scrollwrap").forEach((wrap) => wrap.setAttribute("tabindex", "0"));
  wraps();
  new MutationObserver(wraps).observe(document.body, { childList: true, subtree: true });
});
