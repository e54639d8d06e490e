import { type FormEvent, useState } from "react";
import { Button } from "../controls/button";
import { TextInput } from "../controls/text-input";
import { Logo } from "../shell/logo";
import { bare, signIn } from "./token";
import { verify } from "./verify";

/** Asks for a token or API key, and verifies it before it is used. */
export function SignIn({ ended }: { ended: string | null }) {
  const [token, setToken] = useState("");
  const [error, setError] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const candidate = bare(token);
    if (!candidate) return setError("Paste a token or an API key.");
    setBusy(true);
    const problem = await verify(candidate);
    setBusy(false);
    if (problem) setError(problem);
    else signIn(candidate);
  };
  return (
    <main className="sign-in">
      <form className="sign-in-card" onSubmit={submit}>
        <Logo />
        <h1>Sign in to Daybook</h1>
        {ended && (
          <p className="notice notice-warning" role="alert">
            {ended} Sign in again to continue.
          </p>
        )}
        <TextInput
          label="Token or API key"
          type="password"
          value={token}
          onChange={(value) => {
            setToken(value);
            setError(null);
          }}
          error={error}
          hint="Kept for this tab only; closing it signs you out."
          autoFocus
          autoComplete="off"
        />
        <Button type="submit" variant="primary" isPending={isBusy}>
          Sign in
        </Button>
        <details className="sign-in-help">
          <summary>Where do I get a token?</summary>
          <p>From the person who runs this instance. On the server, this command prints one:</p>
          <pre>daybook token --organization acme --role auditor</pre>
          <p>An ADMIN of your organization can create an API key with createApiKey.</p>
        </details>
      </form>
    </main>
  );
}
