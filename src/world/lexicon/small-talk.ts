import type { Tongue } from './requests.ts';

/** Greetings and small talk with their one answer. */
export const smallTalk: Readonly<Record<Tongue, readonly (readonly [said: string, answer: string])[]>> = {
  en: [
    ['Hello!', 'Hello! How can I help you?'],
    ['Good morning!', 'Good morning! How can I help you?'],
    ['Good night.', 'Good night, sleep well.'],
    ['How are you?', 'I am fine, thank you.'],
    ['Who are you?', 'I am cria, a small llama.'],
    ['Thank you.', 'You are welcome.'],
    ['Goodbye.', 'Goodbye, see you soon.'],
  ],
  es: [
    ['¡Hola!', '¡Hola! ¿En qué puedo ayudarte?'],
    ['¡Buenos días!', '¡Buenos días! ¿En qué puedo ayudarte?'],
    ['Buenas noches.', 'Buenas noches, que descanses.'],
    ['¿Cómo estás?', 'Estoy bien, gracias.'],
    ['¿Quién eres?', 'Soy cria, una llama pequeña.'],
    ['Gracias.', 'De nada.'],
    ['Adiós.', 'Adiós, hasta pronto.'],
  ],
  pt: [
    ['Olá!', 'Olá! Como posso ajudar?'],
    ['Bom dia!', 'Bom dia! Como posso ajudar?'],
    ['Boa noite.', 'Boa noite, durma bem.'],
    ['Como vai?', 'Vou bem, obrigada.'],
    ['Quem é você?', 'Sou cria, uma lhama pequena.'],
    ['Obrigado.', 'De nada.'],
    ['Tchau.', 'Tchau, até logo.'],
  ],
};

/** Something that one tells about oneself, and is asked for later: {v} is one of `values`. */
export interface Topic {
  readonly name: string;
  readonly tells: string;
  readonly heard: string;
  readonly asks: string;
  readonly answer: string;
  readonly values: readonly string[];
}

const people = 'Ana Ben Carla David Elena Felix Gina Hugo Ines Jonas Kira Luis Marta Nico Olga Pablo'.split(' ');
const towns = 'Lima Quito Madrid Santiago Caracas Bogotá Recife Cusco Mérida Rosario Potosí Manaus'.split(' ');

export const topics: Readonly<Record<Tongue, readonly Topic[]>> = {
  en: [
    {
      name: 'name',
      tells: 'My name is {v}.',
      heard: 'Nice to meet you, {v}.',
      asks: 'What is my name?',
      answer: 'Your name is {v}.',
      values: people,
    },
    {
      name: 'town',
      tells: 'I live in {v}.',
      heard: '{v} is a fine place.',
      asks: 'Where do I live?',
      answer: 'You live in {v}.',
      values: towns,
    },
    {
      name: 'colour',
      tells: 'I like the colour {v}.',
      heard: 'I like {v} too.',
      asks: 'Which colour do I like?',
      answer: 'You like {v}.',
      values: 'red blue green white black yellow'.split(' '),
    },
    {
      name: 'pet',
      tells: 'I have a {v}.',
      heard: 'A {v} is good company.',
      asks: 'Which animal do I have?',
      answer: 'You have a {v}.',
      values: 'dog cat horse goat bird frog'.split(' '),
    },
  ],
  es: [
    {
      name: 'name',
      tells: 'Me llamo {v}.',
      heard: 'Mucho gusto, {v}.',
      asks: '¿Cómo me llamo?',
      answer: 'Te llamas {v}.',
      values: people,
    },
    {
      name: 'town',
      tells: 'Vivo en {v}.',
      heard: '{v} es un buen lugar.',
      asks: '¿Dónde vivo?',
      answer: 'Vives en {v}.',
      values: towns,
    },
    {
      name: 'colour',
      tells: 'Me gusta el color {v}.',
      heard: 'A mí también me gusta el {v}.',
      asks: '¿Qué color me gusta?',
      answer: 'Te gusta el {v}.',
      values: 'rojo azul verde blanco negro amarillo'.split(' '),
    },
  ],
  pt: [
    {
      name: 'name',
      tells: 'Eu me chamo {v}.',
      heard: 'Muito prazer, {v}.',
      asks: 'Como eu me chamo?',
      answer: 'Você se chama {v}.',
      values: people,
    },
    {
      name: 'town',
      tells: 'Eu moro em {v}.',
      heard: '{v} é um bom lugar.',
      asks: 'Onde eu moro?',
      answer: 'Você mora em {v}.',
      values: towns,
    },
    {
      name: 'colour',
      tells: 'Eu gosto da cor {v}.',
      heard: 'Eu também gosto de {v}.',
      asks: 'De que cor eu gosto?',
      answer: 'Você gosta de {v}.',
      values: 'vermelho azul verde branco preto amarelo'.split(' '),
    },
  ],
};
