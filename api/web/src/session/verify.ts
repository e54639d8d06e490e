/** Verifies a token or API key with the server; returns the problem, or null if it is valid. */
export async function verify(token: string): Promise<string | null> {
  try {
    const response = await fetch("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: "{ viewer { subject } }" }),
    });
    if (response.status === 401)
      return "This token or API key is not valid: it is mistyped, expired or revoked.";
    if (!response.ok) return `The server responded with status ${response.status}. Try again in a moment.`;
    const { errors } = (await response.json()) as { errors?: { message: string }[] };
    return errors?.[0]?.message ?? null;
  } catch {
    return "The server can't be reached. Check your network, then try again.";
  }
}
