/** One result, as a person reads it. */
export interface Page {
  readonly title: string;
  /** What was found, in a sentence or two. */
  readonly summary: string;
  readonly sections: readonly Section[];
}

export interface Section {
  readonly title: string;
  readonly parts: readonly Part[];
}

export type Part = Prose | Table | LineChart | BarChart | HeatMaps | Scatter;

/** Paragraphs, an empty line between them. */
export interface Prose {
  readonly kind: 'prose';
  readonly text: string;
}

/** An estimate with the interval around it. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** A text, a number, an estimate, or null where there is nothing to tell. */
export type Cell = string | number | Estimate | null;

/** Rows under columns. The first column names the rows. */
export interface Table {
  readonly kind: 'table';
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface Column {
  readonly label: string;
  /** Which numbers of the column are good: the best is marked. */
  readonly better?: 'higher' | 'lower';
}

/** What every figure has: its title, and in words what it shows, for who cannot see it. */
interface Figure {
  readonly title: string;
  readonly alt: string;
}

export interface Axis {
  readonly label: string;
  /** Equal factors at equal distances; numbers up to zero have no place on it. */
  readonly log?: boolean;
}

export interface LineChart extends Figure {
  readonly kind: 'lines';
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

export interface Series {
  readonly name: string;
  /** From left to right. A point whose y is not finite breaks the line. */
  readonly points: readonly Point[];
}

/** A point, with the interval of its y where that is known. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly low?: number;
  readonly high?: number;
}

/** Horizontal bars from zero, from top to bottom. */
export interface BarChart extends Figure {
  readonly kind: 'bars';
  /** What the length of a bar tells. */
  readonly x: string;
  readonly bars: readonly Bar[];
}

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
  /** Bars of one label and several series stand together, in the colors of their series. */
  readonly series?: string;
}

/** Maps side by side under one scale of colors. */
export interface HeatMaps extends Figure {
  readonly kind: 'heat';
  /** What a color tells. */
  readonly value: string;
  /** 'sequential' from the smallest value to the largest, 'diverging' to both sides of zero. */
  readonly scale: 'sequential' | 'diverging';
  /** What rows and columns are: layers and heads. */
  readonly rows: string;
  readonly columns: string;
  readonly maps: readonly HeatMap[];
}

export interface HeatMap {
  readonly title: string;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** [rows][columns]; what is not finite is left empty. */
  readonly values: readonly (readonly number[])[];
}

/** Points with their names, such as words in two of their directions. */
export interface Scatter extends Figure {
  readonly kind: 'scatter';
  readonly x: string;
  readonly y: string;
  readonly points: readonly LabelledPoint[];
}

export interface LabelledPoint {
  readonly label: string;
  readonly x: number;
  readonly y: number;
  /** Points of one group have one color. */
  readonly group?: string;
}
