/** Asks the server whether a token or API key holds; the problem where it does not. */
export async function verify(token: string): Promise<string | null> {
  try {
    const response = await fetch("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: "{ viewer { subject } }" }),
    });
    if (response.status === 401) return "This does not hold here: it is mistyped, expired or revoked.";
    if (!response.ok) return `The server answered with status ${response.status}. Try again in a moment.`;
    const { errors } = (await response.json()) as { errors?: { message: string }[] };
    return errors?.[0]?.message ?? null;
  } catch {
    return "The server can't be reached. Check the network, then try again.";
  }
}
