# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Plain word lists: other names of household things, and things that are something else.

Sentence embeddings bring most words near the class they mean, but not all: "desk" lies nearer to
"chair" than to "table". A model's synonyms settle the usual ones, :data:`OTHER_THINGS` says what a
word may mean instead of any class, so that a giraffe is not taken for the class that happens to
be nearest.
"""

from collections.abc import Mapping, Sequence

OTHER_THINGS: tuple[str, ...] = tuple(
    """
giraffe;elephant;horse;cow;sheep;dog;cat;bird;fish;snake;lion;bear;zebra;penguin;dolphin
insect;animal;car;truck;bicycle;motorcycle;helicopter;airplane;boat;ship;train;bus;vehicle
tank;satellite;rocket;mountain;river;ocean;beach;forest;tree;grass;cloud;sky;moon;sun;rain
snow;stone;water;fire;bridge;castle;church;tower;skyscraper;building;house;street;road
traffic light;street sign;city;umbrella;surfboard;skateboard;kite;bat;racket;helmet;toy;doll
teddy bear;balloon;game;fruit;banana;apple;orange;pizza;sandwich;carrot;vegetable;cake;bread
cheese;egg;meat;food;coffee;milk;fork;knife;spoon;plate;bowl;pan;kettle;scissors;hammer
screwdriver;drill;wrench;tool;rope;ladder;toothbrush;toilet;bathtub;shower;sink;faucet;towel
soap;mirror;hair dryer;refrigerator;oven;microwave;dishwasher;washing machine;stove;toaster
kitchen;bathroom;bedroom;guitar;piano;violin;drum;trumpet;music;song;backpack;handbag;suitcase
wallet;key;hat;shoe;shirt;trousers;dress;coat;sock;glove;necklace;ring;glasses;wristwatch
person;baby;man;woman;child;face;hand;human;robot;drone;gun;sword;bomb;telephone;smartphone
printer;keyboard;computer mouse;camera;loudspeaker;headphones;remote control;battery;clock
vase;fan;wheelchair;mailbox;tent;crib;projector;vacuum cleaner;radiator;heater;stairs;curtain
fireplace;candle;socket;power switch;pipe;cable;paper;pen;pencil;newspaper;envelope;calendar
money;colour;number;idea;time;happiness;weather;sport;language
""".strip()
    .replace("\n", ";")
    .split(";")
)
"""Common nouns outside a household class list; those that a model has as classes are left out for
it."""


def named_class(
    text: str, names: Sequence[str], synonyms: Mapping[str, Sequence[str]]
) -> str | None:
    """The entry of `names` that a text is, or is a plain synonym of; None if it is neither.

    Case does not count, and a plural with s or es is read as its singular.

    Args:
        text: a word or two.
        names: of the classes.
        synonyms: class name -> words that mean it; those of classes that are not in `names` do
            not count.
    """
    own = {name.casefold(): name for name in names}
    # A class that is another one's synonym stays itself.
    meant = {
        word: own[name]
        for name, words in synonyms.items()
        if name in own
        for word in words
        if word not in own
    }
    word = text.casefold()
    for form in (word, word.removesuffix("s"), word.removesuffix("es")):
        found = own.get(form) or meant.get(form)
        if found is not None:
            return found
    return None
