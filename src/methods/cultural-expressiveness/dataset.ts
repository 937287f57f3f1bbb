/** A question rooted in the life of a place. */
export interface Question {
  readonly id: string;
  readonly text: string;
  readonly lang: string | undefined;
  readonly country: readonly string[];
  readonly topic: string | undefined;
  readonly sourceUrl: string | undefined;
  readonly license: string | undefined;
  /** Keywords that somebody has marked as belonging to the question. */
  readonly terms: readonly string[];
}

/** What a person of the place answers. */
export interface Reference {
  readonly qid: string;
  readonly id: string;
  readonly text: string;
  readonly lang: string | undefined;
  /** Whose answers it belongs to: v1, v2. */
  readonly set: string;
  readonly consent: boolean | undefined;
  readonly license: string | undefined;
}

/** The answer of a system. An empty text is an answer; a missing one is no response. */
export interface Response {
  readonly qid: string;
  readonly system: string;
  readonly text: string;
  readonly lang: string | undefined;
  /** Whether the answer ended at the token limit, where that is known. */
  readonly truncated: boolean | undefined;
}

/** Questions with the references and answers of each. */
export interface Dataset {
  readonly questions: readonly Question[];
  readonly references: readonly Reference[];
  readonly responses: readonly Response[];
  /** In the order in which they come. */
  readonly systems: readonly string[];
  /** References left out because their author has not agreed. */
  readonly withoutConsent: number;
}
