/**
 * Renders CommonMark. A note is never turned into HTML: its syntax tree becomes React elements of the few kinds
 * below, HTML in it is shown as text, and links only lead to web pages, e-mail addresses and other notes.
 */
import type { Definition, Nodes, Parents, Root } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { createContext, Fragment, type ReactNode, useContext } from "react";
import { Link } from "../routing/link";

/** Finds the URL of the note that a link leads to; null if it leads to no note. */
export type FindNote = (url: string) => string | null;

const Notes = createContext<FindNote>(() => null);

export default function Markdown({ text, findNote }: { text: string; findNote: FindNote }) {
  const root = fromMarkdown(text);
  return (
    <Notes value={findNote}>
      <div className="markdown">{children(root, definitions(root))}</div>
    </Notes>
  );
}

type Definitions = ReadonlyMap<string, Definition>;

function definitions(root: Root): Definitions {
  const found = new Map<string, Definition>();
  const look = (node: Nodes) => {
    // The first definition counts, as CommonMark specifies.
    if (node.type === "definition" && !found.has(node.identifier)) found.set(node.identifier, node);
    if ("children" in node) for (const child of node.children) look(child);
  };
  look(root);
  return found;
}

function children(node: Parents, links: Definitions): ReactNode {
  return node.children.map((child, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: a text has its order
    <Fragment key={index}>{element(child, links)}</Fragment>
  ));
}

function element(node: Nodes, links: Definitions): ReactNode {
  switch (node.type) {
    case "text":
      return node.value;
    case "paragraph":
      return <p>{children(node, links)}</p>;
    case "heading":
      return <Heading depth={node.depth}>{children(node, links)}</Heading>;
    case "emphasis":
      return <em>{children(node, links)}</em>;
    case "strong":
      return <strong>{children(node, links)}</strong>;
    case "inlineCode":
      return <code>{node.value}</code>;
    case "code":
      return (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: long lines scroll by keys
        <pre className="code" tabIndex={0}>
          {node.value}
        </pre>
      );
    case "blockquote":
      return <blockquote>{children(node, links)}</blockquote>;
    case "list":
      return node.ordered ? (
        <ol start={node.start ?? 1}>{children(node, links)}</ol>
      ) : (
        <ul>{children(node, links)}</ul>
      );
    case "listItem":
      return <li>{children(node, links)}</li>;
    case "thematicBreak":
      return <hr />;
    case "break":
      return <br />;
    case "link":
      return <SafeLink url={node.url}>{children(node, links)}</SafeLink>;
    case "linkReference":
      return <SafeLink url={links.get(node.identifier)?.url ?? ""}>{children(node, links)}</SafeLink>;
    case "image":
      return <Image url={node.url} text={node.alt} />;
    case "imageReference":
      return <Image url={links.get(node.identifier)?.url ?? ""} text={node.alt} />;
    case "html":
      return <code className="markdown-html">{node.value}</code>;
    default:
      return null;
  }
}

/** Lowers headings by one level, since the page's own heading is the note's title. */
function Heading({ depth, children }: { depth: number; children: ReactNode }) {
  const Level = `h${Math.min(6, depth + 1)}` as "h2";
  return <Level>{children}</Level>;
}

function SafeLink({ url, children }: { url: string; children: ReactNode }) {
  const note = useContext(Notes)(url);
  if (note) return <Link href={note}>{children}</Link>;
  if (!isSafe(url)) return <span title="This link is not safe to open">{children}</span>;
  return (
    <a href={url} target="_blank" rel="noreferrer noopener">
      {children}
    </a>
  );
}

/** Shows a link instead of the image, since loading it would reveal to another server who reads the note. */
function Image({ url, text }: { url: string; text?: string | null }) {
  return <SafeLink url={url}>{text || url}</SafeLink>;
}

/** Checks a URL as the browser would interpret it, not as it is written. */
export function isSafe(url: string): boolean {
  try {
    return ["http:", "https:", "mailto:"].includes(new URL(url, "relative:").protocol);
  } catch {
    return false;
  }
}
