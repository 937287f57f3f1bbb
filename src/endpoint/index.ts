export { openEndpoint } from './endpoint.ts';
export type {
  Answer,
  CallOptions,
  ChatMessage,
  ChatRequest,
  Choice,
  CompletionRequest,
  Endpoint,
  EndpointOptions,
  ForwardInit,
  Prices,
  Spent,
  TokenLogprob,
  Usage,
} from './types.ts';
