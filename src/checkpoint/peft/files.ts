import type { SafetensorsFile } from '../safetensors.ts';

/** The opened parts of an adapter folder. */
export interface AdapterFiles {
  readonly config: Readonly<Record<string, unknown>>;
  /** The path of adapter_config.json. */
  readonly where: string;
  readonly weights: SafetensorsFile;
}

/** The name of the model that an adapter was made for; '' where none is told. */
export function baseOf({ base_model_name_or_path: base }: AdapterFiles['config']): string {
  return typeof base === 'string' ? base : '';
}
