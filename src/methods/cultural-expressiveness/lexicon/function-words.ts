/** Folded function words: short, frequent, and telling where a language does not share them. */
export const functionWords: Readonly<Record<string, ReadonlySet<string>>> = {
  es: wordSet(`a el la los las un una unos unas de del al y o que en es son por para con no se lo le les su sus como mas
    pero si ya muy cuando donde quien porque esta este esto eso esa ese hay fue ser han ha he soy eres somos yo tu ella
    ellos nosotros ustedes tambien entre sobre sin hasta desde todo todos nada algo asi cual cuales aunque pues mi mis
    nos te me era tiene tienen hacer puede aqui alli aca alla cada otro otros gente pais paises`),
  pt: wordSet(`o a os as um uma uns umas de do da dos das ao aos na no nas nos e ou que em por para com nao se lhe seu
    sua seus suas como mais mas ja muito quando onde quem porque esta este isto isso essa esse ha foi ser tem sao voce
    voces eu ele ela eles nos tambem entre sobre sem ate desde tudo todos nada algo assim qual quais embora pois meu
    minha era estao fazer pode aqui ali la cada outro outros gente pais paises pelo pela num numa`),
  en: wordSet(`the a an of and or that in is are was were be been to for with not it its he she they we you i his her
    their our your my this these those there here what when where who why how which as at by from on but if so than
    then do does did have has had can could would will should about into more most some any no all one would like just
    people country countries because very also only other others`),
  gn: wordSet(`ha pe gui rehe peve umi upe ko pende che nde ore haupei oi mba'e mba'eicha kuera hetave ndaipori avei
    hina ojapo oikuaa mbae moo mava araka'e`),
  qu: wordSet(`kay chay chaypi kanki kani kan manam mana arí ari imata imaynalla maypi pim ñuqa noqa qam pay ñuqanchik
    kunan hinaspa hinallataq wan paykuna qankuna runakuna nisqa kachkan`),
  nah: wordSet(`in ihuan iwan tlen tlein amo quema kema ipan itech nochi noihqui no ihcuac queman nican nikan onca onka
    nopa ne ni ti inin inon cualli kuali macehualli`),
};

function wordSet(words: string): ReadonlySet<string> {
  return new Set(words.split(/\s+/).filter(Boolean));
}
