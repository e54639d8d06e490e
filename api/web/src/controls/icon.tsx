/** Line icons on a 24 × 24 grid. */
const PATHS = {
  log: "M5 4h14v16H5z M9 8h6 M9 12h6 M9 16h4",
  jobs: "M12 3v3 M12 18v3 M3 12h3 M18 12h3 M5.6 5.6l2.2 2.2 M16.2 16.2l2.2 2.2 M5.6 18.4l2.2-2.2 M16.2 7.8l2.2-2.2",
  exports: "M12 4v11 M7.5 11 12 15.5 16.5 11 M5 20h14",
  backups:
    "M4 6c0-1.7 3.6-3 8-3s8 1.3 8 3-3.6 3-8 3-8-1.3-8-3z M4 6v12c0 1.7 3.6 3 8 3s8-1.3 8-3V6 M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3",
  notes: "M6 3h9l4 4v14H6z M14 3v5h5 M9 13h6 M9 17h6",
  graphql: "M8 6l-5 6 5 6 M16 6l5 6-5 6 M13.5 4l-3 16",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14z M16.2 16.2 21 21",
  close: "M6 6l12 12 M18 6 6 18",
  chevron: "M6 9.5l6 6 6-6",
  previous: "M14.5 6l-6 6 6 6",
  next: "M9.5 6l6 6-6 6",
  calendar: "M4 6h16v14H4z M4 10h16 M8 3v4 M16 3v4",
  filter: "M4 6h16 M7 12h10 M10 18h4",
  play: "M8 5.5v13l10.5-6.5z",
  pause: "M8.5 5v14 M15.5 5v14",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z M12 2v2 M12 20v2 M2 12h2 M20 12h2 M4.9 4.9l1.4 1.4 M17.7 17.7l1.4 1.4 M4.9 19.1l1.4-1.4 M17.7 6.3l1.4-1.4",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
  signOut: "M14 4H5v16h9 M10 12h11 M17.5 8.5 21 12l-3.5 3.5",
  download: "M12 4v11 M7.5 11 12 15.5 16.5 11 M5 20h14",
  retry: "M4 12a8 8 0 0 1 14-5.3L20 9 M20 4v5h-5 M20 12a8 8 0 0 1-14 5.3L4 15 M4 20v-5h5",
  stop: "M6.5 6.5h11v11h-11z",
  check: "M5 12.5l5 5L19.5 7",
  alert: "M12 4 2.5 20h19z M12 10v4.5 M12 17.2v.3",
  copy: "M9 9h11v11H9z M5 15H4V4h11v1",
  plus: "M12 5v14 M5 12h14",
  edit: "M4 20h4L19 9l-4-4L4 16z M13 7l4 4",
  trash: "M5 7h14 M9 7V4h6v3 M7 7l1 13h8l1-13",
  menu: "M4 7h16 M4 12h16 M4 17h16",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
