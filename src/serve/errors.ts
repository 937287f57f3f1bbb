import { CriaError, messageOf } from '../base/index.ts';

/** A refusal in OpenAI's form. */
export class ApiError extends Error {
  readonly status: number;
  readonly param: string | null;
  readonly code: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    details: { param?: string; code?: string; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.param = details.param ?? null;
    this.code = details.code ?? null;
    this.headers = details.headers ?? {};
  }
}

/** The body of an error as OpenAI's clients read it. */
export function errorBody({ status, message, param, code }: ApiError): object {
  const type =
    status === 401
      ? 'authentication_error'
      : status === 429
        ? 'rate_limit_error'
        : status >= 500
          ? 'server_error'
          : 'invalid_request_error';
  return { error: { message, type, param, code } };
}

/** Whatever was thrown as a refusal: what a user can cause is a 400, the rest a 500. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof CriaError && error.kind === 'input') return new ApiError(400, error.message);
  return new ApiError(500, `the server failed: ${messageOf(error)}`);
}
