/** What of a page's text can't be read: boxes of text that lie over one another, or are cut off without a sign. */

/** In the page. */
export function unreadable() {
  const found = [];
  /** What holds its text within its edges. */
  const FRAMES = ".tile, .card, .job-what, .job-state, .button, .badge, .chip, .notice, .fact, .field, .note-row";
  const describe = (element) => {
    const name = element.tagName.toLowerCase();
    const names = typeof element.className === "string" ? element.className.trim().split(/\s+/).join(".") : "";
    return `${name}${names && `.${names}`} “${element.textContent.trim().slice(0, 30)}”`;
  };
  const isHidden = (element) => {
    const { visibility, opacity, clipPath } = getComputedStyle(element);
    return visibility !== "visible" || opacity === "0" || clipPath.startsWith("inset(50%");
  };
  // The topmost layer alone: what is beneath a sheet or a popover is meant to be covered.
  const layers = document.querySelectorAll(".overlay, .popover");
  const root = layers.length ? layers[layers.length - 1] : document.body;

  /** What of `box` is seen, within all that cuts or scrolls. */
  const seen = (element, box) => {
    let { left, right, top, bottom } = box;
    let cut = null;
    for (let parent = element; parent && parent !== document.documentElement; parent = parent.parentElement) {
      const style = getComputedStyle(parent);
      const cutsX = style.overflowX !== "visible";
      const cutsY = style.overflowY !== "visible";
      if (!cutsX && !cutsY) {
        if (style.position === "fixed") break;
        continue;
      }
      const outer = parent.getBoundingClientRect();
      const says = style.textOverflow === "ellipsis" || /auto|scroll/.test(style.overflowX);
      if (cutsX && (left < outer.left - 1 || right > outer.right + 1) && !says) cut ??= parent;
      if (cutsX) [left, right] = [Math.max(left, outer.left), Math.min(right, outer.right)];
      if (cutsY) [top, bottom] = [Math.max(top, outer.top), Math.min(bottom, outer.bottom)];
    }
    return right - left > 1 && bottom - top > 1 ? { left, right, top, bottom, cut } : null;
  };

  const texts = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || element.closest(".visually-hidden, .skip-link, noscript, script, svg, .monaco-editor")) continue;
    if (element.checkVisibility && !element.checkVisibility()) continue;
    let hidden = false;
    for (let parent = element; parent && !hidden; parent = parent.parentElement) hidden = isHidden(parent);
    if (hidden) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      const part = seen(element, box);
      if (!part) continue;
      const style = getComputedStyle(element);
      const isCut = style.textOverflow === "ellipsis" && element.scrollWidth > element.clientWidth + 1;
      if (isCut && element.clientWidth < 40) found.push(`no room for ${describe(element)}`);
      if (part.cut) found.push(`cut off by ${describe(part.cut)}: ${describe(element)}`);
      const frame = element.closest(FRAMES);
      const edge = frame?.getBoundingClientRect();
      if (edge && part.right > edge.right + 1) found.push(`${describe(element)} stands out of ${describe(frame)}`);
      texts.push({ element, ...part });
    }
  }
  for (const [index, one] of texts.entries()) {
    for (const other of texts.slice(index + 1)) {
      if (one.element === other.element || one.element.contains(other.element) || other.element.contains(one.element)) continue;
      const width = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const height = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      // Lines are as high as their font, whose edges may touch.
      if (width < 2 || height < 4) continue;
      // What stands still above what scrolls covers it.
      const over = document.elementFromPoint(
        (Math.max(one.left, other.left) + Math.min(one.right, other.right)) / 2,
        (Math.max(one.top, other.top) + Math.min(one.bottom, other.bottom)) / 2,
      );
      const sticky = over?.closest(".entry-head, .modal-header, .account, .nav, .place-switcher, .place-name");
      if (sticky && !(sticky.contains(one.element) && sticky.contains(other.element))) continue;
      found.push(`over one another: ${describe(one.element)} and ${describe(other.element)}`);
    }
  }
  const beyond = document.documentElement.scrollWidth - innerWidth;
  if (beyond > 0) found.push(`${beyond} px stand beyond the window`);
  for (const element of document.querySelectorAll(".content, .modal, .page")) {
    const more = element.scrollWidth - element.clientWidth;
    if (more > 1) found.push(`${describe(element).split(" ")[0]} scrolls sideways by ${more} px`);
  }
  return [...new Set(found)];
}
