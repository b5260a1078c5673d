/** What a response says about the limit of its sender: the texts of the header fields `RateLimit-Policy` and `RateLimit`. */
export type RateLimitState = { readonly policy: string; readonly limit: string };
