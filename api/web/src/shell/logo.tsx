/** Logo and name of the app. */
export function Logo() {
  return (
    <span className="logo">
      <img src="/favicon.svg" alt="" width="28" height="28" />
      <span>Daybook</span>
    </span>
  );
}
