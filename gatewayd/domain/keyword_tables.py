"""The words by which people leave, return and ask who writes: versioned defaults, a table for each language.

A rule kept with a decision refers to these tables as of `VERSION`; a change that makes one text read differently takes
a new one. Sources: ARCEP/AF2M practice for short codes (STOP, CONTACT), CTIA and FCC 2024-04587 (STOP, QUIT, END,
REVOKE, OPT OUT, CANCEL, UNSUBSCRIBE), AWS and Twilio defaults (REMOVE, STOPALL, ARRET), Brazilian carriers (SAIR),
Dutch ones (UIT); the rest is how people write.

All is written folded: small letters, no accents, no apostrophes (`s il vous plait`). Two notations:

- lists, separated by commas: `opt out, optout`;
- patterns, one a line: `a|b` is either word, `abc*` any word that begins so, `?a|b` may be absent, `..` stands for up
  to four words of which none denies, `^` and `$` for the beginning and end of a sentence, politeness left aside;
  a `!` in front says that the pattern denies by itself (`veux plus recevoir`), so that a `ne` before it is its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.domain import keyword_patterns as patterns

VERSION = "2026.1"


@dataclass(frozen=True, slots=True)
class Language:
    """What one language says.

    `stop` and `leave` can hardly mean anything else, so that a few strange words beside them do not matter; those of
    `alone` are also everyday words, and count only with politeness and targets around them; `misspelt` are slips of
    these. `target` is what one stops, `link` what joins it (`STOP aux sms`). `ordinary` looks like a keyword and is
    none. `events` are what one leaves without meaning messages (`me désinscrire de la sortie`). `asks` and `leaves`
    are patterns; `leaves` do not count before one of `events`. `denies` turn round what follows them.
    """

    stop: str = ""
    leave: str = ""
    alone: str = ""
    misspelt: str = ""
    start: str = ""
    contact: str = ""
    help: str = ""
    polite: str = ""
    target: str = ""
    link: str = ""
    ordinary: str = ""
    events: str = ""
    denies: str = ""
    subjects: str = ""
    asks: str = ""
    leaves: str = ""
    trailers: str = ""
    reactions: str = ""


# Understood whatever languages are configured. 停 and 停止: stop in Chinese and Japanese; the others say it in Arabic,
# Hebrew and Turkish.
INTERNATIONAL = Language(
    stop="stop, stopp, stopall, stop all, 停, 停止, توقف, הסר, dur",
    misspelt="stopsign",
    start="start, unstop",
    contact="contact",
    help="help, info",
    target="sms, mms, spam, whatsapp, telegram, email, emails",
    ordinary="stop and go, stop over, stop motion",
    asks=patterns.INTERNATIONAL,
)

FRENCH = Language(
    stop="stopper, stoppez, stop tout, stope",
    leave="""
        desabonner, desabonnez, desabonnement, se desabonner, me desabonner, desabonnez moi, desabonne moi, je me
        desabonne, desinscrire, desinscription, desinscrivez, desinscrivez moi, desinscris moi, se desinscrire,
        me desinscrire, je me desinscris, desinscrit moi, resilier, resiliation, desabo, desengagement
    """,
    alone="""
        arret, arreter, arretez, arrete, arretez tout, arretez ca, arretez moi ca, arret sms, cesser, cessez,
        fin, quitter, annuler, supprimer, retirer, retirez moi, supprimez moi, enlevez moi, effacez moi, plus de
        sms, plus de message, plus de messages, plus rien, ne plus recevoir, ca suffit, ca suffi, ca sufit, halte,
        refus, je refuse
    """,
    misspelt="""
        arrett, arette, arettez, arettes, aretter, aret, arete, aretez, areter, aretes, arretes, arrettez,
        arretter, arrette, arretee, arrez, arretz, aretz, arert, arrte, arrt, arrtez, arrtes, arrets, arrer,
        arreez, arrtee, qrret, qrreter, qrretez, stopez, stoper, stoppe
    """,
    start="reprendre, reprise, reactiver, reactivation, reabonner, reabonnement, me reabonner",
    contact="""
        qui etes vous, vous etes qui, c est qui, qui est ce, qui c est, qui es tu, t es qui, tu es qui, c ki, ki
        c, cki, qui m ecrit, contacts
    """,
    help="aide, infos, information, informations, aidez moi stop",
    polite="""
        bonjour, bjr, bonsoir, bsr, salut, slt, coucou, cc, merci, mrc, mci, merci bcp, merci beaucoup, beaucoup,
        bcp, merci d avance, d avance, par avance, avance, mille mercis, svp, stp, s il vous plait, s il te
        plait, sil vous plait, s il vous plais, sil te plait, s vous plait, sivouplait, silvouplait, siouplait,
        bonne journee, bonne jrnee, bne journee, bonne soiree, belle journee, bonne fin de journee, bonne
        continuation, bonne nuit, bon week end, bon weekend, bon dimanche, bonne annee, cordialement, cdlt, cdt,
        bien cordialement, bien a vous, a vous, salutations, mes salutations, respectueusement, bises, bisous,
        biz, madame, monsieur, mme, mr, m, mesdames, messieurs, madame monsieur, je vous prie, je vous en prie,
        je vous remercie, vous remerciant, en vous remerciant, je vous en remercie, ok, oui, non, maintenant,
        immediatement, immediat, de suite, tout de suite, definitivement, definitif, desole, desolee, pardon,
        excusez moi, au revoir,
        aurevoir, adieu, a bientot, bien recu, de la part de, merci de, veuillez, pouvez vous, je dis, par pitie,
        pitie, vraiment, enfin, encore une fois, bon courage, toute l equipe, a tous, a toutes, allez, bien,
        bonne reception, d accord, dac, a l avenir, urgent
    """,
    target="""
        texto, textos, message, messages, msg, msgs, mess, pub, pubs, publicite, publicites, newsletter, infos,
        info, information, informations, tout, tout ca, tout cela, tous, toutes, toute, envoi, envois,
        notification, notifications,
        alerte, alertes, relance, relances, numero, mail, mails, association, asso, au nom de l association, au
        nom de l asso, demarchage, prospection, abonnement, liste, diffusion, mailing, rappel, rappels, appels,
        harcelement, moi, campagne, sollicitations, recevoir
    """,
    link="""
        au, aux, a, de, des, du, d, l, la, le, les, ces, ses, vos, votre, tes, ce, cet, cette, pour, avec, mon,
        ma, par
    """,
    ordinary="""
        bonne fin, en fin, fin de semaine, faire du stop, en stop, auto stop, autostop, au stop, le stop, un stop, du
        stop, panneau stop, arret de bus, arret bus, arret maladie, arret de travail, stop ou encore, stop pub
        ou, mon stop, stop covid
    """,
    events="""
        sortie, sorties, cours, atelier, ateliers, randonnee, rando, repas, tournoi, reunion, voyage, stage,
        activite, activites, concert, soiree, sejour, excursion, gym, yoga, cantine, loto, formation, course,
        marche, pique, visite, spectacle, competition, match, seance, bal, samedi, dimanche, lundi, mardi,
        mercredi, jeudi, vendredi, participants, benevoles, diner, dejeuner, barbecue, buvette, covoiturage,
        examen, concours, fac, universite, lycee, ecole, creche, club
    """,
    denies="n, ne, pas, jamais",
    subjects="vous, tu, on, il, elle, ils, elles, pourquoi, qui, j, je, nous",
    asks=patterns.FRENCH_ASKS,
    leaves=patterns.FRENCH_LEAVES,
    trailers="""
        envoye de mon, envoye depuis mon, envoye a partir de mon, envoye avec mon, envoye depuis l application,
        envoye de ma, envoye depuis ma, telecharger outlook, obtenir outlook, envoye par mon, envoye via
    """,
    reactions="""
        a aime, a adore, n a pas aime, a ri, a ri de, a ri a, a mis en evidence, a souligne, a insiste sur, a
        pose une question sur, a mis en doute, a reagi a, a reagi avec a, a, j aime, j adore, a ajoute un coeur
        a, a supprime un j aime de, a ete amuse par, n aime pas
    """,
)

ENGLISH = Language(
    stop="stop it, stop this, stop everything",
    leave="""
        unsubscribe, unsubscribe me, unsub, optout, opt out, opt me out, unsubscribed, unsuscribe, remove me,
        deregister
    """,
    alone="""
        end, cancel, quit, revoke, remove, delete, cancel all, end all, quit all, leave me alone, no more,
        enough, cease, cease and desist, no more texts, no more messages, delete me, take me off
    """,
    start="resubscribe, resume",
    contact="who is this, whos this, who s this, who are you, who r u, who dis, who is it, who is that",
    polite="""
        hi, hello, hey, dear, please, pls, plz, plse, pleas, thanks, thank you, thankyou, thank u, thanks a lot,
        many thanks, thx, ty, tks, cheers, kind regards, best regards, regards, best, sir, madam, sorry, bye,
        goodbye, good bye, have a nice day, have a good day, nice day, yes, no, ok, okay, now, right now,
        immediately, asap, today, just, ffs, kindly, omg, thank, you, x, xx
    """,
    target="""
        text, texts, txt, txts, texting, message, messages, messaging, msg, msgs, alerts, notifications, ads,
        everything, all, sending, subscription, list, number, contact, contacting, me, us, updates, promos,
        marketing
    """,
    link="the, to, these, your, this, those, from, of, my, with, any",
    ordinary="""
        bus stop, full stop, pit stop, non stop, one stop shop, stop by, stop at, stop in, stop for, stop on, the
        stop, a stop, stop sign, next stop, last stop, cant stop, can t stop, wont stop, won t stop, never stop,
        don t stop, dont stop, no stop, whistle stop, truck stop, door stop, tab stop, one stop, first stop, stop
        watch, stop gap, stop off
    """,
    events="""
        class, classes, course, trip, meeting, event, match, game, lesson, workshop, tour, party, dinner, hike,
        walk, training, saturday, sunday, monday, tuesday, wednesday, thursday, friday, yoga, team, concert
    """,
    denies="don, dont, t, not, never, cannot, didnt, doesnt",
    subjects="why, they, he, she, you, we",
    asks=patterns.ENGLISH_ASKS,
    leaves=patterns.ENGLISH_LEAVES,
    trailers="""
        sent from my, sent via my, sent from yahoo, get outlook, sent with my, sent from outlook, sent from mail,
        sent from samsung
    """,
    reactions="""
        liked, loved, disliked, laughed at, emphasized, emphasised, questioned, reacted to, to, reacted with to,
        removed a like from, removed a heart from, removed a laugh from
    """,
)

GERMAN = Language(
    stop="stoppen, stoppt, stoppen sie, stoppen sie das, stoppen sie dies, stoppt das, stoppt dies",
    leave="""
        abmelden, abmeldung, mich abmelden, abbestellen, abbestellung, austragen, kundigen, kuendigen, kundigung,
        kuendigung, melden sie mich ab, meldet mich ab, widerruf, widerrufen, widerspruch
    """,
    alone="""
        ende, aufhoren, aufhoeren, beenden, schluss, halt, genug, loschen, loeschen, es reicht, schluss jetzt,
        hor auf, hort auf, horen sie auf
    """,
    start="fortsetzen, wieder anmelden, wiederaufnehmen",
    contact="kontakt, wer ist das, wer sind sie, wer bist du, wer seid ihr, wer schreibt, wer schreibt da",
    help="hilfe",
    polite="""
        bitte, danke, danke schon, dankeschon, vielen dank, besten dank, hallo, guten tag, guten morgen, guten
        abend, moin, servus, gruss, gruesse, grusse, mfg, lg, vg, liebe gruesse, liebe grusse, viele grusse, mit
        freundlichen grussen, freundliche grusse, schonen tag, schonen tag noch, ja, nein, ok, jetzt, sofort,
        tschuss, auf wiedersehen, endlich, entschuldigung, sorry, gruess gott
    """,
    target="""
        nachricht, nachrichten, nachrichtendienst, werbung, newsletter, mitteilungen, alle, alles, infos,
        meldungen, verein, verteiler
    """,
    link="""
        die, der, das, den, dem, mit, an, von, vom, zu, ihre, eure, diese, dieser, aller, meine, mich, fur,
        euren, ihren
    """,
    ordinary="""
        stoppt nicht, stoppen sie nicht, am ende, zu ende, das ende, nonstop, bus stopp, wochen ende, der stopp,
        ein stopp, einen stopp, kein stopp, stopp an
    """,
    events="""
        kurs, kurses, ausflug, training, wanderung, treffen, fahrt, reise, feier, grillen, schule, essen, kita,
        turnier, seminar, samstag, sonntag, montag, dienstag, mittwoch, donnerstag, freitag, fest, schwimmen,
        prufung, versammlung, sitzung, kindergarten
    """,
    denies="nicht, nie, niemals",
    asks=patterns.GERMAN_ASKS,
    leaves=patterns.GERMAN_LEAVES,
    trailers="von meinem iphone gesendet, gesendet von, von meinem, gesendet mit, outlook fur",
    reactions="gefallt, hat auf reagiert, hat reagiert auf, mag, liebt, hat gelacht uber, hat betont",
)

SPANISH = Language(
    leave="""
        darse de baja, darme de baja, dar de baja, de baja, desuscribir, desuscribirme, desuscribirse,
        desuscribeme, cancelar suscripcion, anular suscripcion, denme de baja, dame de baja, deme de baja,
        borrarme, quiero darme de baja
    """,
    alone="""
        baja, parar, paren, pare, cancelar, cancelen, cancela, anular, detener, salir, basta, basta ya, terminar,
        borrar, eliminar, no mas
    """,
    start="reanudar, reactivar, reiniciar",
    contact="contacto, quien es, quien eres, quienes son, quien sois, quien habla, quien escribe",
    help="ayuda",
    polite="""
        por favor, porfavor, porfa, xfa, xfavor, pf, gracias, muchas gracias, mil gracias, hola, buenos dias,
        buenas tardes, buenas noches, buenas, un saludo, saludos, si, no, ya, ahora, vale, adios, disculpe,
        perdon, lo siento, feliz dia, buen dia, ahora mismo
    """,
    target="mensaje, mensajes, publicidad, notificaciones, avisos, lista, suscripcion, boletin, todo, todos, envios",
    link="los, las, el, la, de, del, a, al, con, estos, esos, sus, tus, vuestros, mi, en, su",
    ordinary="""
        sin parar, al fin, por fin, planta baja, voz baja, no parar, sin stop, baja de, esta de baja, estoy de
        baja, estar de baja, medico de baja
    """,
    events="""
        curso, excursion, clase, clases, reunion, viaje, partido, cena, taller, torneo, fiesta, gimnasio,
        colegio, sabado, domingo, trabajo, viernes
    """,
    denies="no, nunca, jamas",
    asks=patterns.SPANISH_ASKS,
    leaves=patterns.SPANISH_LEAVES,
    trailers="enviado desde mi, enviado con mi, enviado desde outlook, obtener outlook",
    reactions="le gusto, le encanto, no le gusto, se rio de, enfatizo, reacciono con a, a, reacciono a",
)

ITALIAN = Language(
    leave="""
        disiscrivi, disiscrivimi, disiscrivermi, disiscrizione, disiscrivetemi, disdire, disdetta, cancellami,
        cancellatemi, cancellarmi, rimuovimi, rimuovetemi, cancella iscrizione, annulla iscrizione, revoca
        consenso, disabbonare, disattiva, disattivare
    """,
    alone="""
        annulla, annullare, cancella, cancellare, basta, smettila, smettetela, ferma, fermare, fermati, rimuovi,
        esci, termina, basta sms, basta messaggi, revoca
    """,
    start="riprendere, riprendi, riattiva, riattivare",
    contact="contatto, contatti, chi sei, chi siete, chi e, chi scrive, con chi parlo",
    help="aiuto",
    polite="""
        per favore, perfavore, per piacere, x favore, grazie, grazie mille, mille grazie, tante grazie, ciao,
        buongiorno, buonasera, salve, saluti, cordiali saluti, distinti saluti, buona giornata, buona serata,
        arrivederci, prego, si, no, ok, adesso, subito, ora, scusate, scusi, vi prego, ti prego
    """,
    target="messaggi, messaggio, messaggini, pubblicita, notifiche, lista, avvisi, tutto, tutti, iscrizione",
    link="gli, le, il, lo, la, ai, al, con, di, dei, questi, vostri, tuoi, da, a, dalla",
    ordinary="senza sosta, alla fine, non stop, no stop, fino alla fine, basta cosi, mi basta, mi ferma, si ferma",
    events="""
        corso, gita, lezione, riunione, viaggio, partita, cena, torneo, festa, palestra, scuola, sabato,
        domenica, allenamento, pranzo
    """,
    denies="non, mai, nemmeno",
    asks=patterns.ITALIAN_ASKS,
    leaves=patterns.ITALIAN_LEAVES,
    trailers="inviato da, inviato dal mio, inviato dal, inviato tramite, scarica outlook, ottieni outlook",
    reactions="""
        ha messo mi piace a, piace, ha adorato, ha riso di, ha riso per, ha enfatizzato, ha reagito a, ha reagito
        con a, a
    """,
)

PORTUGUESE = Language(
    leave="""
        descadastrar, descadastre, descadastrem, descadastramento, cancelar inscricao, cancelar subscricao,
        cancelar assinatura, desinscrever, desinscricao, desinscrever me, remover me, remova me, removam me,
        desinscreva me, me remova, me remove, me descadastre, anular subscricao
    """,
    alone="""
        parar, pare, parem, sair, cancelar, cancela, cancele, basta, chega, remover, anular, terminar, encerrar,
        nao quero mais
    """,
    start="retomar, reativar, recomecar, reactivar",
    contact="contato, quem e, quem sao, quem e voce, quem fala, quem esta a falar, quem escreve",
    help="ajuda",
    polite="""
        por favor, pf, pfv, pfvr, porfavor, se faz favor, sff, obrigado, obrigada, muito obrigado, muito
        obrigada, obg, obgd, ola, oi, bom dia, boa tarde, boa noite, cumprimentos, abraco, abracos, att,
        atenciosamente, sim, nao, ja, agora, tchau, adeus, desculpe, imediatamente, grato, grata, vlw, valeu
    """,
    target="""
        mensagem, mensagens, msgs, publicidade, propaganda, notificacoes, lista, tudo, todos, todas, avisos,
        inscricao, subscricao, envio
    """,
    link="as, os, o, a, com, de, da, do, das, dos, estas, essas, esses, suas, vossas, minha, me, para",
    ordinary="sem parar, nao parar, vou sair, quero sair, vai sair, sair de, para sair",
    events="""
        curso, aula, aulas, excursao, reuniao, viagem, jogo, jantar, torneio, festa, ginasio, academia, escola,
        sabado, domingo, passeio, almoco, treino
    """,
    denies="nao, nunca, jamais",
    asks=patterns.PORTUGUESE_ASKS,
    leaves=patterns.PORTUGUESE_LEAVES,
    trailers="""
        enviado do meu, enviado a partir do meu, enviado de meu, enviado pelo meu, enviado via, obter o outlook,
        baixe o outlook
    """,
    reactions="gostou de, amou, adorou, nao gostou de, riu de, enfatizou, reagiu a, reagiu com a, a",
)

DUTCH = Language(
    stop="stoppen, stop er mee, stop ermee, stop hiermee, stop maar",
    leave="""
        afmelden, afmelding, uitschrijven, uitschrijving, meld mij af, meld me af, schrijf mij uit, schrijf me
        uit, schrijf me maar uit, opzeggen, opzegging, mij afmelden, me afmelden, verwijder mij, verwijder me
    """,
    alone="""
        uit, einde, eind, genoeg, annuleren, annuleer, verwijderen, verwijder, beeindigen, klaar, hou op, houd
        op, hou ermee op, ophouden, nee stop
    """,
    start="hervatten, heractiveren, weer aanmelden, opnieuw aanmelden",
    contact="wie is dit, wie bent u, wie ben je, wie zijn jullie, van wie is dit, met wie",
    help="hulp",
    polite="""
        aub, alsjeblieft, alstublieft, alsjeblief, a u b, svp, graag, bedankt, dank u, dank je, dankjewel, dank u
        wel, dankuwel, dank je wel, hartelijk dank, hallo, hoi, goedemiddag, goedemorgen, goedenavond, goedendag,
        groet, groeten, groetjes, gr, mvg, met vriendelijke groet, vriendelijke groet, fijne dag, fijne avond,
        fijne dag verder, ja, nee, ok, oke, nu, meteen, direct, per direct, sorry, doei, dag, alvast bedankt,
        alvast
    """,
    target="bericht, berichten, berichtjes, smsjes, reclame, meldingen, nieuwsbrief, alles, alle, lijst, appjes, mails",
    link="de, het, deze, die, met, aan, van, uw, jullie, mijn, al, voor, dit",
    ordinary="""
        stop niet, bus stop, non stop, uit eten, ik stop, tussen stop, een stop, de stop, zonder stop, aan het
        eind, op het eind, stop bij
    """,
    events="""
        cursus, uitje, training, wandeling, les, lessen, etentje, reis, vergadering, feest, toernooi, school,
        zaterdag, zondag, workshop, excursie, vrijdag, wedstrijd
    """,
    denies="niet, nooit",
    asks=patterns.DUTCH_ASKS,
    leaves=patterns.DUTCH_LEAVES,
    trailers="verzonden vanaf mijn, verstuurd vanaf mijn, verzonden met, verstuurd via, outlook voor, verzonden via",
    reactions="""
        vindt leuk, vond leuk, heeft gereageerd op, heeft gelachen om, heeft benadrukt, reageerde op, reageerde
        met op
    """,
)

LANGUAGES: dict[str, Language] = {
    "fr": FRENCH,
    "en": ENGLISH,
    "de": GERMAN,
    "es": SPANISH,
    "it": ITALIAN,
    "pt": PORTUGUESE,
    "nl": DUTCH,
}

# Everyday words one letter away from `stop`: never taken for a slip of the thumb.
_NEAR_STOP = (
    "top, step, shop, stp, slop, stow, atop, strop, swop, stok, stof, stom, stol, stap, stip, sop, scop, stoa, estop"
)
NOT_A_SLIP = frozenset(_NEAR_STOP.split(", "))

# What people answer to a question of ours: no configuration may make a keyword of it.
_EVERYDAY = """
    present, presente, absent, absente, peut etre, pourquoi, quand, comment, ou, quoi, demain, aujourd hui, hier, ce
    soir, ce matin, midi, rdv, rendez vous, a demain, j arrive, je viens, en retard, le train, le bus, en voiture,
    maison, travail, famille, yeah, nope, maybe, tomorrow, today, tonight, when, where, why, home, work, late, coming,
    heute, morgen, gestern, wann, wo, warum, vielleicht, hoy, manana, ayer, cuando, donde, quizas, oggi, domani, ieri,
    dove, forse, hoje, amanha, ontem, quando, onde, talvez, vandaag, gisteren, wanneer, waar, waarom, misschien
"""
EVERYDAY = frozenset(" ".join(word.split()) for word in _EVERYDAY.split(","))
