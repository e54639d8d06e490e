/** The mark and the name. */
export function Logo() {
  return (
    <span className="logo">
      <img src="/favicon.svg" alt="" width="28" height="28" />
      <span>Daybook</span>
    </span>
  );
}
