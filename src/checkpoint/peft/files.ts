import type { SafetensorsFile } from '../safetensors.ts';

/** The opened parts of an adapter folder. */
export interface AdapterFiles {
  readonly config: Readonly<Record<string, unknown>>;
  /** The path of adapter_config.json. */
  readonly where: string;
  readonly weights: SafetensorsFile;
}

/** A value of a configuration as it can stand in a sentence. */
export function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 100) ?? 'missing';
}

/** The name of the model that an adapter was made for; '' where none is told. */
export function baseOf({ base_model_name_or_path: base }: AdapterFiles['config']): string {
  return typeof base === 'string' ? base : '';
}
