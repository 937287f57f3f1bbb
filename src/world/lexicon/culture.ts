import type { Tongue } from './requests.ts';

type Names = Record<Tongue, string>;

/** Something of Latin America and where it is from: uncontroversial, and to be found in any encyclopedia. */
export interface CultureFact {
  readonly kind: CultureKind;
  readonly thing: Names;
  readonly place: Country;
}

export type CultureKind = 'capital' | 'food' | 'festival' | 'music' | 'nature';

const names = (en: string, es = en, pt = es): Names => ({ en, es, pt });

/** Countries as they are named, and in Portuguese with their article after 'de' and 'em'. */
const countries = {
  Argentina: { ...names('Argentina'), de: 'da Argentina', em: 'na Argentina' },
  Bolivia: { ...names('Bolivia', 'Bolivia', 'Bolívia'), de: 'da Bolívia', em: 'na Bolívia' },
  Brazil: { ...names('Brazil', 'Brasil'), de: 'do Brasil', em: 'no Brasil' },
  Chile: { ...names('Chile'), de: 'do Chile', em: 'no Chile' },
  Colombia: { ...names('Colombia', 'Colombia', 'Colômbia'), de: 'da Colômbia', em: 'na Colômbia' },
  'Costa Rica': { ...names('Costa Rica'), de: 'da Costa Rica', em: 'na Costa Rica' },
  Cuba: { ...names('Cuba'), de: 'de Cuba', em: 'em Cuba' },
  Ecuador: { ...names('Ecuador', 'Ecuador', 'Equador'), de: 'do Equador', em: 'no Equador' },
  Guatemala: { ...names('Guatemala'), de: 'da Guatemala', em: 'na Guatemala' },
  Mexico: { ...names('Mexico', 'México'), de: 'do México', em: 'no México' },
  Panama: { ...names('Panama', 'Panamá'), de: 'do Panamá', em: 'no Panamá' },
  Paraguay: { ...names('Paraguay', 'Paraguay', 'Paraguai'), de: 'do Paraguai', em: 'no Paraguai' },
  Peru: { ...names('Peru', 'Perú', 'Peru'), de: 'do Peru', em: 'no Peru' },
  'El Salvador': { ...names('El Salvador'), de: 'de El Salvador', em: 'em El Salvador' },
  Uruguay: { ...names('Uruguay', 'Uruguay', 'Uruguai'), de: 'do Uruguai', em: 'no Uruguai' },
  Venezuela: { ...names('Venezuela'), de: 'da Venezuela', em: 'na Venezuela' },
} as const;

type Country = keyof typeof countries;

const teller =
  (kind: CultureKind) =>
  (place: Country, en: string, es = en, pt = es): CultureFact => ({ kind, thing: names(en, es, pt), place });
const capital = teller('capital');
const food = teller('food');
const festival = teller('festival');
const music = teller('music');
const nature = teller('nature');

export const cultureFacts: readonly CultureFact[] = [
  capital('Argentina', 'Buenos Aires'),
  capital('Brazil', 'Brasilia', 'Brasilia', 'Brasília'),
  capital('Chile', 'Santiago'),
  capital('Colombia', 'Bogotá'),
  capital('Costa Rica', 'San José'),
  capital('Cuba', 'Havana', 'La Habana', 'Havana'),
  capital('Ecuador', 'Quito'),
  capital('Guatemala', 'Guatemala City', 'Ciudad de Guatemala', 'Cidade da Guatemala'),
  capital('Mexico', 'Mexico City', 'Ciudad de México', 'Cidade do México'),
  capital('Panama', 'Panama City', 'Ciudad de Panamá', 'Cidade do Panamá'),
  capital('Paraguay', 'Asunción', 'Asunción', 'Assunção'),
  capital('Peru', 'Lima'),
  capital('El Salvador', 'San Salvador'),
  capital('Uruguay', 'Montevideo', 'Montevideo', 'Montevidéu'),
  capital('Venezuela', 'Caracas'),
  food('Mexico', 'mole', 'el mole', 'o mole'),
  food('Mexico', 'pozole', 'el pozole', 'o pozole'),
  food('Brazil', 'moqueca', 'la moqueca', 'a moqueca'),
  food('Brazil', 'brigadeiro', 'el brigadeiro', 'o brigadeiro'),
  food('Colombia', 'bandeja paisa', 'la bandeja paisa', 'a bandeja paisa'),
  food('Peru', 'lomo saltado', 'el lomo saltado', 'o lomo saltado'),
  food('Peru', 'ají de gallina', 'el ají de gallina', 'o ají de gallina'),
  food('Argentina', 'milanesa napolitana', 'la milanesa napolitana', 'a milanesa napolitana'),
  food('Cuba', 'ropa vieja', 'la ropa vieja', 'a ropa vieja'),
  food('Venezuela', 'pabellón criollo', 'el pabellón criollo', 'o pabellón criollo'),
  food('El Salvador', 'pupusa', 'la pupusa', 'a pupusa'),
  food('Chile', 'pastel de choclo', 'el pastel de choclo', 'o pastel de choclo'),
  food('Uruguay', 'chivito', 'el chivito', 'o chivito'),
  food('Paraguay', 'sopa paraguaya', 'la sopa paraguaya', 'a sopa paraguaia'),
  food('Costa Rica', 'casado', 'el casado', 'o casado'),
  food('Bolivia', 'pique macho', 'el pique macho', 'o pique macho'),
  festival('Mexico', 'the Guelaguetza', 'la Guelaguetza', 'a Guelaguetza'),
  festival('Peru', 'the Candelaria of Puno', 'la Candelaria de Puno', 'a Candelária de Puno'),
  festival('Bolivia', 'the Oruro Carnival', 'el Carnaval de Oruro', 'o Carnaval de Oruro'),
  festival('Brazil', 'the Rio Carnival', 'el Carnaval de Río', 'o Carnaval do Rio'),
  festival('Brazil', 'the Círio de Nazaré', 'el Círio de Nazaré', 'o Círio de Nazaré'),
  festival('Colombia', 'the Barranquilla Carnival', 'el Carnaval de Barranquilla', 'o Carnaval de Barranquilla'),
  festival('Argentina', 'the grape harvest of Mendoza', 'la vendimia de Mendoza', 'a vindima de Mendoza'),
  festival('Cuba', 'the Fiesta del Fuego', 'la Fiesta del Fuego', 'a Festa do Fogo'),
  music('Brazil', 'samba', 'la samba', 'o samba'),
  music('Brazil', 'bossa nova', 'la bossa nova', 'a bossa nova'),
  music('Colombia', 'vallenato', 'el vallenato', 'o vallenato'),
  music('Mexico', 'mariachi', 'el mariachi', 'o mariachi'),
  music('Cuba', 'son cubano', 'el son cubano', 'o son cubano'),
  music('Venezuela', 'gaita zuliana', 'la gaita zuliana', 'a gaita zuliana'),
  music('Argentina', 'chamamé', 'el chamamé', 'o chamamé'),
  music('Chile', 'cueca', 'la cueca', 'a cueca'),
  music('Peru', 'marinera', 'la marinera', 'a marinera'),
  music('Panama', 'tamborito', 'el tamborito', 'o tamborito'),
  nature('Peru', 'Machu Picchu'),
  nature('Chile', 'Easter Island', 'la Isla de Pascua', 'a Ilha de Páscoa'),
  nature('Bolivia', 'the Salar de Uyuni', 'el Salar de Uyuni', 'o Salar de Uyuni'),
  nature('Venezuela', 'Angel Falls', 'el Salto Ángel', 'o Salto Ángel'),
  nature('Mexico', 'the Popocatépetl', 'el Popocatépetl', 'o Popocatépetl'),
  nature('Argentina', 'the Aconcagua', 'el Aconcagua', 'o Aconcagua'),
  nature('Ecuador', 'the Cotopaxi volcano', 'el volcán Cotopaxi', 'o vulcão Cotopaxi'),
  nature('Brazil', 'the Pantanal of Mato Grosso', 'el Pantanal de Mato Grosso', 'o Pantanal de Mato Grosso'),
  nature('Guatemala', 'Lake Atitlán', 'el lago de Atitlán', 'o lago de Atitlán'),
  nature('Costa Rica', 'the Arenal volcano', 'el volcán Arenal', 'o vulcão Arenal'),
];

/** The values that the templates below are filled with. */
export function cultureWords({ thing, place }: CultureFact, tongue: Tongue): Record<'x' | 'de' | 'em', string> {
  const country = countries[place];
  const [of, at] =
    tongue === 'pt' ? [country.de, country.em] : joiners[tongue].map((word) => `${word} ${country[tongue]}`);
  return { x: thing[tongue], de: of as string, em: at as string };
}

const joiners = { en: ['of', 'in'], es: ['de', 'en'] } as const;

interface Phrases {
  /** Questions, and one answer to all of them. */
  readonly asks: readonly string[];
  readonly answer: string;
}

export const culturePhrases: Readonly<Record<CultureKind, Readonly<Record<Tongue, Phrases>>>> = {
  capital: {
    en: {
      asks: [
        'What is the capital {de}?',
        'Which city is the capital {de}?',
        'Name the capital {de}.',
        'The capital {de}, please?',
      ],
      answer: 'The capital {de} is {x}.',
    },
    es: {
      asks: [
        '¿Cuál es la capital {de}?',
        '¿Qué ciudad es la capital {de}?',
        'Di la capital {de}.',
        '¿La capital {de}, por favor?',
      ],
      answer: 'La capital {de} es {x}.',
    },
    pt: {
      asks: [
        'Qual é a capital {de}?',
        'Que cidade é a capital {de}?',
        'Diga a capital {de}.',
        'A capital {de}, por favor?',
      ],
      answer: 'A capital {de} é {x}.',
    },
  },
  food: {
    en: {
      asks: [
        'Which country is {x} from?',
        'Where do people eat {x}?',
        'Where is the dish {x} from?',
        'In what country do I find {x} to eat?',
      ],
      answer: 'People eat {x} {em}.',
    },
    es: {
      asks: [
        '¿De qué país es {x}?',
        '¿Dónde se come {x}?',
        '¿De dónde viene {x}?',
        '¿En qué país encuentro {x} para comer?',
      ],
      answer: 'Se come {x} {em}.',
    },
    pt: {
      asks: ['De que país é {x}?', 'Onde se come {x}?', 'De onde vem {x}?', 'Em que país encontro {x} para comer?'],
      answer: 'Come-se {x} {em}.',
    },
  },
  festival: {
    en: {
      asks: [
        'Where is {x} celebrated?',
        'Which country celebrates {x}?',
        'In what country is {x} held?',
        'Where do people dance at {x}?',
      ],
      answer: 'People celebrate {x} {em}.',
    },
    es: {
      asks: [
        '¿Dónde se celebra {x}?',
        '¿Qué país celebra {x}?',
        '¿En qué país es {x}?',
        '¿Dónde festeja la gente {x}?',
      ],
      answer: 'La gente celebra {x} {em}.',
    },
    pt: {
      asks: ['Onde se celebra {x}?', 'Que país celebra {x}?', 'Em que país é {x}?', 'Onde as pessoas festejam {x}?'],
      answer: 'As pessoas celebram {x} {em}.',
    },
  },
  music: {
    en: {
      asks: [
        'Which country is {x} from?',
        'Where was {x} born?',
        'Where do musicians play {x}?',
        'In what country do I hear {x}?',
      ],
      answer: 'Musicians play {x} {em}.',
    },
    es: {
      asks: ['¿De qué país es {x}?', '¿Dónde nació {x}?', '¿Dónde tocan {x} los músicos?', '¿En qué país escucho {x}?'],
      answer: 'Se toca {x} {em}.',
    },
    pt: {
      asks: ['De que país é {x}?', 'Onde nasceu {x}?', 'Onde os músicos tocam {x}?', 'Em que país escuto {x}?'],
      answer: 'Toca-se {x} {em}.',
    },
  },
  nature: {
    en: {
      asks: ['Where is {x}?', 'In which country is {x}?', 'Which country has {x}?', 'Where do I travel to see {x}?'],
      answer: 'You can see {x} {em}.',
    },
    es: {
      asks: ['¿Dónde está {x}?', '¿En qué país está {x}?', '¿Qué país tiene {x}?', '¿Adónde viajo para ver {x}?'],
      answer: 'Puedes ver {x} {em}.',
    },
    pt: {
      asks: ['Onde fica {x}?', 'Em que país fica {x}?', 'Que país tem {x}?', 'Para onde viajo para ver {x}?'],
      answer: 'Você pode ver {x} {em}.',
    },
  },
};
