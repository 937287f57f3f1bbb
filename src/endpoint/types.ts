/** Where an endpoint is and how it is asked. */
export interface EndpointOptions {
  /** An OpenAI-compatible address: `http://host:port`, to which `/v1` is added, or one with a path, taken as it is. */
  readonly baseUrl: string;
  /** The environment variable that holds the API key; without it no key is sent. */
  readonly keyEnv?: string | undefined;
  /** Longest wait for a whole answer, or for the next piece of a streamed one, in milliseconds (default 300,000). */
  readonly timeoutMs?: number | undefined;
  /** Further tries after 408, 429, 5xx, a timeout or a broken connection (default 4). */
  readonly retries?: number | undefined;
  /** Pause before the first retry in milliseconds, doubled for each further one (default 500). */
  readonly firstDelayMs?: number | undefined;
  /** Price of a prompt token and of a completion token, in any one unit. */
  readonly prices?: Prices | undefined;
}

export interface Prices {
  readonly input: number;
  readonly output: number;
}

/** Tokens that one request took, as the endpoint counted them, and their cost by `prices`. */
export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cost: number;
}

/** Everything that was asked of an endpoint since it was opened. */
export interface Spent extends Usage {
  /** Answers that were received. */
  readonly requests: number;
  /** Answers without token counts: `cost` does not hold them. */
  readonly uncounted: number;
}

/** A request body in OpenAI's own names. Fields beyond the required ones are passed as they are. */
export interface ChatRequest extends Readonly<Record<string, unknown>> {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
}

export interface ChatMessage extends Readonly<Record<string, unknown>> {
  readonly role: string;
  readonly content: unknown;
}

export interface CompletionRequest extends Readonly<Record<string, unknown>> {
  readonly model: string;
  readonly prompt: string;
}

/** The natural log-probability of a token that was written, with the alternatives that were asked for. */
export interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly top: readonly { readonly token: string; readonly logprob: number }[];
}

export interface Choice {
  readonly text: string;
  readonly finishReason: string | undefined;
  /** One entry a token; undefined when the endpoint gives none. */
  readonly logprobs: readonly TokenLogprob[] | undefined;
}

export interface Answer extends Choice {
  /** All choices; the answer's own fields are those of the first. */
  readonly choices: readonly Choice[];
  /** Undefined when the endpoint does not count tokens. */
  readonly usage: Usage | undefined;
  /** Wall time of the try that succeeded. */
  readonly seconds: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A client of one OpenAI-compatible HTTP endpoint. Every call throws CriaError, or the signal's reason. */
export interface Endpoint {
  /** The address with its path, without a trailing slash. */
  readonly url: string;
  /** `POST /chat/completions`. */
  chat(request: ChatRequest, options?: CallOptions): Promise<Answer>;
  /** `POST /chat/completions` with `stream: true`: pieces of the first choice's text as they come. */
  streamChat(request: ChatRequest, options?: CallOptions): AsyncGenerator<string, void>;
  /** `POST /completions`. */
  complete(request: CompletionRequest, options?: CallOptions): Promise<Answer>;
  /** `POST /embeddings`, at most 64 texts a request: one vector a text, in their order, all of one length. */
  embed(model: string, texts: readonly string[], options?: CallOptions): Promise<Float64Array[]>;
  /** `GET /models`: their ids. */
  models(options?: CallOptions): Promise<string[]>;
  /**
   * One request without retries, whose response is returned with whatever status it has: for a proxy. The key is
   * added; `path` stands behind the address, as in `/chat/completions`.
   * @throws CriaError of kind 'failure' when the endpoint cannot be reached.
   */
  forward(path: string, init: ForwardInit): Promise<Response>;
  /** Requests, tokens and cost so far. */
  spent(): Spent;
}

export interface ForwardInit {
  readonly method: 'GET' | 'POST';
  readonly body?: string | Uint8Array<ArrayBuffer> | undefined;
  readonly signal?: AbortSignal | undefined;
}
