import { Fragment } from "react";

/**
 * Characters that are not seen but change what is: controls, directions of writing, and characters without width
 * (Unicode's categories Cc and Cf, except for line breaks, tabs and the joiners within words).
 */
const HIDDEN = /((?![\n\r\t\u200C\u200D])[\p{Cc}\p{Cf}])/u;

/** A text as it was recorded: apart from its surroundings in direction, and with hidden characters made visible. */
export function Recorded({ text }: { text: string }) {
  if (!HIDDEN.test(text)) return <bdi>{text}</bdi>;
  return (
    <bdi>
      {text.split(HIDDEN).map((part, index) =>
        index % 2 === 0 ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: nothing moves
          <Fragment key={index}>{part}</Fragment>
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: nothing moves
          <span key={index} className="hidden-character">
            {codePoint(part)}
          </span>
        ),
      )}
    </bdi>
  );
}

/** A text for a place without markup, with hidden characters made visible. */
export function withoutHidden(text: string): string {
  return text
    .split(HIDDEN)
    .map((part, index) => (index % 2 === 0 ? part : codePoint(part)))
    .join("");
}

function codePoint(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`;
}
