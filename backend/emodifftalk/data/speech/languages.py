"""Sentences in other languages, so that the mouth follows sounds and not English. Our own words.

Held out, never trained on: Italian.
"""

from __future__ import annotations

import numpy as np

HELD_OUT_LANGUAGE = "roa/it"
HELD_OUT_SENTENCES = (
    "La mamma prepara il pane con un po' di burro.",
    "Il bambino beve un bicchiere d'acqua prima di dormire.",
    "Mi piace molto la musica che suonano in piazza.",
    "Domani compriamo pomodori, basilico e mozzarella.",
    "Che bella sorpresa vederti qui a Palermo!",
    "Il gatto dorme sopra la poltrona del nonno.",
    "Non capisco perché il semaforo sia sempre rosso.",
    "Abbiamo camminato lungo il fiume fino al ponte.",
    "Puoi abbassare un momento il volume, per favore?",
    "Buongiorno, vorrei un gelato al limone e una pesca.",
)

SENTENCES: dict[str, tuple[str, ...]] = {
    "gmw/de": (
        "Mein Bruder möchte morgen früh ein Brot kaufen.",
        "Warum blüht der Apfelbaum dieses Jahr so spät?",
        "Bitte bring mir fünf Pfirsiche und ein Stück Butter mit.",
        "Im Park spielen Kinder mit einem bunten Ball.",
        "Ich habe überhaupt keine Zeit für solche Spiele!",
        "Die Königin hört gern leise Musik am Abend.",
        "Wir bauen im Sommer ein kleines Haus aus Holz.",
        "Pass auf, die Suppe ist noch sehr heiß.",
        "Über dem Fluss schwebt ein dünner Nebel.",
        "Das Pferd springt mühelos über den höchsten Zaun.",
        "Meine Oma pflückt Himbeeren und macht Marmelade.",
        "Vielleicht kommt Paul mit dem nächsten Bus.",
    ),
    "roa/fr": (
        "Ma sœur prépare un bon gâteau aux pommes.",
        "Pourquoi le petit bateau part-il si tôt ce matin ?",
        "Un oiseau bleu chante au bord de la fenêtre.",
        "Nous avons marché longtemps sous la pluie.",
        "Je voudrais deux baguettes et du beurre, s'il vous plaît.",
        "La lune monte lentement au-dessus de la montagne.",
        "Le boulanger connaît tous les enfants du village.",
        "Mon oncle joue du piano depuis cinquante ans.",
        "Quelle surprise, tu es venue jusqu'ici à vélo !",
        "Il pleut beaucoup en novembre, mais jamais en juin.",
        "Peux-tu fermer la porte, il fait froid.",
        "Ces feuilles jaunes tombent une à une.",
    ),
    "roa/es": (
        "Mi abuela prepara una sopa muy buena.",
        "¿Por qué no vamos mañana a la playa?",
        "El perro blanco corre por el campo abierto.",
        "Me gusta beber agua fresca en verano.",
        "Compramos pan, tomates y un poco de pimienta.",
        "El tren de Bilbao llegó con veinte minutos de retraso.",
        "Nunca había visto un pueblo tan bonito.",
        "Mañana empieza el mes más caluroso del año.",
        "¡Qué sorpresa más bonita me habéis preparado!",
        "La guitarra del vecino suena hasta medianoche.",
        "Llueve poco, pero hoy el cielo está gris.",
        "Un niño pequeño pinta barcos amarillos.",
    ),
    "roa/pt-BR": (
        "Meu irmão comprou um barco pequeno e azul.",
        "A minha mãe faz um pão muito bom aos sábados.",
        "Por que você não vem com a gente amanhã?",
        "O vento bate na janela durante a noite.",
        "Quero um copo de água e duas bananas.",
        "Os meninos jogam bola perto do campo.",
        "Que bom ver você de novo por aqui!",
        "Não lembro onde deixei o guarda-chuva.",
        "Em junho as noites ficam bem mais frias.",
        "A vizinha planta flores amarelas no jardim.",
        "Um velho pescador conta a mesma história.",
        "Vamos embora antes que a chuva comece.",
    ),
    "zlw/pl": (
        "Moja babcia piecze pyszny chleb z makiem.",
        "Dlaczego pies szczeka na pusty samochód?",
        "Jutro pojedziemy pociągiem nad morze.",
        "Proszę pięć bułek i kawałek białego sera.",
        "W sobotę będzie padał drobny deszcz.",
        "Mały chłopiec zgubił czerwoną czapkę.",
        "Bardzo lubię zapach świeżo parzonej kawy.",
        "Nad łąką unosi się gęsta, biała mgła.",
        "Czy możesz mi pomóc otworzyć te drzwi?",
        "Mój brat buduje model okrętu z papieru.",
        "Źle spałem, bo przez całą noc grała muzyka.",
        "Piękna jesień, żółte liście i ciepłe słońce.",
    ),
    "gmw/nl": (
        "Mijn buurman bouwt een boot in de schuur.",
        "Waarom staat de deur van het huis wijd open?",
        "Morgen koop ik brood, boter en een pompoen.",
        "De muziek op het plein was veel te luid.",
        "Het meisje speelt buiten met een blauwe bal.",
        "Ik vind het vuur in de keuken heel gezellig.",
        "Pas op, de vloer is nog nat en glad.",
        "Onze oma vertelt graag over vroeger.",
        "Er vliegt een grote vogel boven het water.",
        "Wie heeft mijn nieuwe paraplu meegenomen?",
        "In de zomer zwemmen wij bijna elke dag.",
        "Het was een mooie, stille avond in februari.",
    ),
    "trk/tr": (
        "Küçük kardeşim bahçede mavi bir top buldu.",
        "Yarın sabah pazardan biber ve peynir alacağım.",
        "Neden bu kadar geç kaldın, merak ettim.",
        "Büyükannem çok güzel bir çorba pişirdi.",
        "Deniz bugün sakin, gökyüzü pembe ve mor.",
        "Bana bir bardak soğuk su verir misin?",
        "Yağmur başlamadan önce eve dönelim.",
        "Bu müziği babam da çok severdi.",
        "Ağaçların altında uyuyan kediye bak!",
        "Kapıyı kapat, içerisi epey üşüdü.",
        "Öğretmenimiz bize uzun bir masal anlattı.",
        "Ilık bir rüzgâr pencereden içeri giriyor.",
    ),
    "gmq/sv": (
        "Min mormor bakar bröd och bullar på lördag.",
        "Varför sjunger fågeln så högt i kväll?",
        "Vi köpte blåbär, mjölk och ett paket smör.",
        "Pojken bygger en liten båt av björk.",
        "Det är för mörkt för att gå genom skogen.",
        "Kan du hjälpa mig att bära bordet?",
        "Sju trötta sjömän sover i hamnen.",
        "Nu börjar snön äntligen försvinna.",
        "Jag tycker mycket om musiken du spelar.",
        "Bussen stannar bakom den gula kyrkan.",
    ),
    "inc/hi": (
        "मेरा भाई बाज़ार से फल और पानी लाता है।",
        "आज मौसम बहुत अच्छा है, बाहर चलो।",
        "मेरी माँ बगीचे में फूल लगाती हैं।",
        "तुम कब और कहाँ मिलोगे?",
        "बच्चे मैदान में गेंद से खेल रहे हैं।",
        "कृपया दरवाज़ा बंद कर दीजिए।",
        "पुरानी किताब मेज़ पर पड़ी है।",
        "बारिश के बाद आसमान नीला हो गया।",
    ),
    "jpx/ja": (
        "おはようございます、きょうはいいてんきですね。",
        "ぼくのともだちはまいにちピアノをひきます。",
        "あしたのあさ、パンとバターをかいにいきましょう。",
        "このはしのうえから、ふねがよくみえます。",
        "どうしてそんなにいそいでいるのですか。",
        "ははのつくるみそしるはとてもおいしい。",
        "ちいさなねこがへやのすみでねむっています。",
        "すみません、もうすこしゆっくりはなしてください。",
    ),
}  # fmt: skip


def foreign_sentence(rng: np.random.Generator) -> tuple[str, str]:
    """A training language's espeak voice name and a text: a sentence, two, or its words in no order."""
    language = str(rng.choice(list(SENTENCES)))
    sentences = SENTENCES[language]
    kind = rng.random()
    if kind < 0.45:
        return language, str(rng.choice(sentences))
    if kind < 0.6 or language == "jpx/ja":  # Japanese is written without spaces
        return language, " ".join(str(text) for text in rng.choice(sentences, 2, replace=False))
    words = [word for text in rng.choice(sentences, 3, replace=False) for word in str(text).rstrip(".!?।").split()]
    return language, " ".join(str(word) for word in rng.choice(words, min(len(words), int(rng.integers(4, 10))))) + "."
