"""How a sentence asks to be left alone, language by language; the notation is told in `keyword_tables`.

A pattern wants the request and its object (`arrêtez ... de m'envoyer`, `no more texts`), so that the words alone, \
in a
sentence of ordinary life, are none.
"""

from __future__ import annotations

_FR_STOP = (
    "arretez|arreter|arrete|arretes|aretez|areter|arete|arettez|arrettez|arret|arretz|cessez|cesser|cesse|stop|"
    "stopper|stoppez"
)
_FR_ME = "me|m|nous|moi"
_FR_VERB = (
    "envo*|enver*|anvoy*|ecri*|contact*|harcel*|spam*|derang*|appel*|apel*|solicit*|sollicit*|relanc*|texto*|embet*|"
    "emmerd*|soul*|bombard*|importun*|ennuy*|mess*|msg|faire|saoul*|gonfl*|prevenir|mail*|joindre|invit*"
)
_FR_GLUED = "menvo*|mecri*|mappel*|mapel*|mharcel*|mecrir*|mderang*|mspam*|mcontact*|denvo*"
_FR_PLENTY = (
    "sms|messages|message|msg|msgs|mess|textos|texto|pub|pubs|publicite|publicites|envois|envoi|spam|spams|relances|"
    "notifications|sollicitations|newsletter|newsletters|alertes|mails|harcelement|demarchage|mms|rappels|conneries"
)
# `Plus d'infos` asks for more of them, and `pas de nouvelles` says that there are none.
_FR_WANTED = "infos|informations|nouvelles"
_FR_NOUN = f"{_FR_PLENTY}|{_FR_WANTED}"
_FR_LIST = (
    "liste|listes|fichier|fichiers|base|bases|repertoire|contacts|contact|diffusion|mailing|newsletter|sms|"
    "carnet|groupe|messages"
)
_FR_REMOVE = (
    "retirez|retirer|retire|enlevez|enlever|enleve|supprimez|supprimer|supprime|effacez|effacer|efface|rayez|"
    "rayer|otez|oter|virez|virer|vire|sortez|sortir|radiez|desinscri*|desabon*|blackliste*"
)
_FR_WANT = (
    "jveux|jveu|jvoudrais|jsouhaite|veux|veut|veu|veus|voudrais|souhaite|souhaitons|desire|desirons|voulons|veulent|\
aimerais|prefere|prefererais"
)

INTERNATIONAL = """
^ non stop $
^ no stop $
^ nee stop $
^ nein stop $
deja|ai|avais|fois .. dis|dit|envoye|envoie|ecris|repondu|mis|tape stop $
stop|stopp .. sms|spam $
"""

FRENCH_ASKS = f"""
{_FR_STOP} de|d|2|deme ?{_FR_ME} ?{_FR_ME} {_FR_GLUED}
{_FR_STOP} .. de|d|2 {_FR_ME} .. {_FR_VERB}
{_FR_STOP} .. {_FR_GLUED}
{_FR_STOP} ?svp|stp {_FR_ME} {_FR_VERB}
arretez|arreter|aretez|areter|cessez|stop|stopper|stoppez|arettez|arrettez .. de|d|2 .. envo*|ecrire|spam*|harceler|\
contacter|deranger|solliciter|relancer
{_FR_STOP} ?tout|toutes|tous|immediatement|avec a|aux|avec|de|des|d|l|les|ces|vos|votre|tes|ce|cet|cette|toutes|tous|\
la \
?ces|vos|les|envoi|envois|de|tes ?de|d {_FR_NOUN}
^ {_FR_STOP} ?tout|toutes|tous|immediatement {_FR_NOUN}
arretez|arreter|aretez|areter|cessez|cesser .. {_FR_NOUN} $
ne|n ?plus {_FR_GLUED} ?plus
^ arretez|cessez ?ca|tout|maintenant $
^ arretez|cessez maintenant|immediatement|sinon|c|svp|stp
numero|erreur|svp|stp|merci|marre|adherent|adherente|membre|plait arretez|cessez $
trop|marre de|d|des|ces|vos {_FR_PLENTY} .. arretez|arreter|aretez|areter|cessez|cesser|stoppez $
vous|tu me|m|nous harcel*|spam*|bombard*
^ je resilie $
c est ?du|de harcelement|spam
ne plus avoir .. {_FR_NOUN}
vous|tu n arretez|arretes|arrettez pas de {_FR_ME} .. {_FR_VERB}
ne|n ?plus {_FR_ME} .. envoyez|ecrivez|contactez|appelez|sollicitez|derangez|relancez|envoie|envoi|envoies|ecris|\
ecrit|contacte|appelle|harcelez|importunez|rappelez|textez ?moi plus
ne|n {_FR_ME} envoyez|ecrivez|contactez|sollicitez|envoie|harcelez|derangez|spammez pas .. {_FR_NOUN}
{_FR_ME}|menvoyez|mecrivez envoyez|ecrivez|contactez|sollicitez|derangez|relancez|harcelez plus
menvoyez|mecrivez|mecrive|menvoye|mecriver|mappelez plus
ne|n {_FR_ME} envoyer|ecrire|contacter|appeler|solliciter plus
ne plus|jamais {_FR_ME} .. envo*|ecri*|contact*|appel*|sollicit*|derang*|relanc*|joindre|harceler|faire|compter|\
importun*|spam*|embet*|ennuy*|emmerd*|prevenir|deranger
ne plus|jamais {_FR_GLUED}
ne plus|jamais ?rien recev*|resev*|receuv*|recvoir
ne rien recevoir
ne plus ?rien|jamais etre contacte*|sollicite*|derange*|relance*|inscrit*|abonne*|destinataire|embete*|appele*
ne plus ?jamais envoyer|contacter|solliciter|ecrire|utiliser .. {_FR_NOUN}|numero|moi
ne plus|pas faire partie .. {_FR_LIST}
ne plus figurer|apparaitre|etre .. {_FR_LIST}
n envoyez|ecrivez|envoie plus
envoyez|envoyer|envoie|envoi moi|me|m plus ?rien|jamais ?de|d ?{_FR_PLENTY} ?svp $
! {_FR_WANT} plus|pas|aucun|aucune|rien ?jamais|du|rien ?de|d|vos|ces|tout|tous ?tout|vos|ces recev*|resev*|recoi*|\
recvoir
! {_FR_WANT} .. plus|pas etre contacte*|sollicite*|derange*|relance*|inscrit*|embete*|harcele*
! {_FR_WANT} plus|pas .. {_FR_PLENTY} $
! {_FR_WANT} plus|pas .. vos|votre|ces|ce|cette {_FR_NOUN} $
! ne|n {_FR_WANT} plus|pas|aucune .. {_FR_WANTED} $
! {_FR_WANT} plus|aucun|aucune ?de|avoir|d ?de|d|avoir {_FR_PLENTY}
! {_FR_WANT} plus|aucun|aucune ?de|avoir|d ?de|avoir vos|ces|votre {_FR_NOUN}
! {_FR_WANT} plus|pas ?rien ?que|qu ?vous|on|l|tu {_FR_ME} .. contact*|ecri*|envo*|appel*|sollicit*|derang*
{_FR_WANT} que ?vous|ca|cela|tu|les|ces|vos ?{_FR_NOUN} arret*|cess*|stop*
plus envie de ?vos|ces|tout recev*|{_FR_NOUN}
pas|plus envie|besoin ?de|d recev*|{_FR_NOUN} ?svp|merci $
pas|plus envie|besoin de ?vos|ces|recevoir .. {_FR_NOUN}
plus|pas interesse* .. {_FR_NOUN}
plus recev*|resev* .. {_FR_NOUN}
plus recev* ?de|vos|votre|rien ?part|nouvelles $
^ plus ?jamais de|d|2|aucun|aucune|jamais|vos {_FR_PLENTY} ?svp|stp|merci|de|sur|a ?votre|vous|ce|mon|part|numero \
?numero|part $
^ plus jamais|aucune|vos ?de|d {_FR_WANTED} ?svp|stp|merci $
^ pas de|d {_FR_PLENTY} ?svp|stp|merci $
^ pas de|d {_FR_WANTED} svp|stp|merci $
^ aucun|aucune {_FR_PLENTY} svp|stp $
je ne|n fais|suis plus partie|adherent*|membre ?de|du|d|des ?l|la|votre|vos ?association|asso|club|adherents|membres $
! n est pas le bon numero $
! n est pas la bonne personne $
^ pas le bon numero $
^ mauvais|faux numero $
c est un mauvais|faux numero $
vous .. tromp* de numero|personne
! en veux|veu|veut plus|plu $
pas|plus concern* par .. {_FR_NOUN}
laissez|laisser|laisse|foutez|fouttez|foutre|fichez|fiche|fous|fout|fou|ficher moi|nous .. tranquille|tranquilles|\
tranquile|tranquil|trankil|trankille|paix
lachez|lache|lacher|oubliez|oublie|oublier moi|nous ?un|svp|stp ?peu ?svp|stp $
marre|assez|bol de|d|2 .. {_FR_NOUN}
ca suffit ?maintenant|avec|les|vos|tous|ces ?vos|ces|les ?{_FR_NOUN} $
m oppose|opposer .. {_FR_NOUN}|prospection|traitement|donnees|utilisation|demarchage|reception
mon|notre opposition
oubliez|oublier|oublie mon numero|num|contact
^ ne plus ?me|m|nous envoyer|contacter|ecrire|appeler|solliciter $
droit d|a|de opposition|effacement
retire|revoque|annule|retirer|revoquer|annuler .. mon consentement|accord|autorisation
deja|ai|fois .. dit|demande|ecrit .. stop|arreter|desinscri*|desabon*
vous demande|prie|ordonne|supplie d|de|2 .. arreter|cesser|stopper
pourquoi .. recois|recoit|recevoir encore|toujours
encore|toujours .. {_FR_NOUN} .. alors que .. stop|desinscri*|desabon*
continuez a|de {_FR_ME} envo*|ecri*|harcel*|contact*
jamais|pas demande|autorise|consenti|accepte|donne|souhaite .. recevoir|accord|consentement ?vos|ces|de|des
signal* .. 33700|spam
mettre fin|terme .. {_FR_NOUN}
mettez|met fin|terme .. {_FR_NOUN}
plus ?jamais|du|aucun ?tout ?de contact ?avec ?vous $
"""

FRENCH_LEAVES = f"""
me|m|nous|moi|se desinscri*|desabon*|desincri*|desinscir*|dessinscri*|desabbon*|desenregistr*|desinscr*|radier|\
dezinscri*|dezabon*|desengager
desinscri*|desabon*|desincri*|desenregistr*|dezinscri*|dezabon*|desinscr* moi|nous|svp|stp|please|mon|ce
ma|mon|demande|demander|confirm*|lien|procedure|souhaite|veux|voudrais|pour .. desinscription|desabonnement|\
desincription|resiliation
etre|soit|sois|serai ?definitivement|bien desinscri*|desabon*|radie*
etre|soit|sois ?definitivement|bien retire*|supprime*|enleve*|raye*|efface*|ote* .. {_FR_LIST}
me|m|nous|moi|mon|mes retirer|supprimer|enlever|effacer|rayer|oter|virer|sortir|radier .. {_FR_LIST}|numero|num|\
coordonnees
{_FR_REMOVE} ?svp|stp|donc|bien ?moi|nous|mon|mes|ce|le|notre|ma ?svp|stp|nom|adresse ?et .. numero|num|tel|\
telephone|coordonnees|donnees|portable|tph
{_FR_REMOVE} moi|nous|mon|le|ce .. {_FR_LIST}
{_FR_REMOVE} moi ?svp|stp|merci|immediatement $
me|m enlever|retirer|supprimer|effacer|rayer|oter ?svp|stp $
comment .. desinscri*|desabon*|desincri*
resilier|resilie|annuler|annule|annulez|arreter|arretez|stopper mon|cet|l|cette|ma abonnement|inscription .. \
{_FR_NOUN}
resilier|annuler|arreter|stopper|resiliez|annulez mon|cet|l abonnement
desinscription|desabonnement|desincription svp|stp|merci|immediat*
veuillez|merci|svp|stp|de|d .. desabonner|desinscrire|desabonnez|desinscrivez
"""

_EN_NOUN = (
    "text|texts|txt|txts|message|messages|msg|msgs|sms|spam|alerts|alert|notifications|messaging|texting|"
    "reminders|updates|ads|marketing|promos|promotions"
)
_EN_VERB = (
    "text*|txt*|messag*|msg*|contact*|send*|spam*|bother*|harass*|annoy*|bug|bugging|pester*|disturb*|writ*|"
    "email*|sms*|ping*"
)

ENGLISH_ASKS = f"""
stop|quit|cease|stopp texting|txting|messaging|contacting|sending|spamming|bothering|harassing|annoying|bugging|\
pestering|smsing|emailing|writing|msging|pinging|txtin|textin|sendin
stop|quit|cease calling|writing|emailing me|us
stop with|the|these|your|this|all|any|those|sending .. {_EN_NOUN}
stop text|txt|message|msg|messages|texts|send ?to me|us
no more|further of|with|from|these|those|your|more|{_EN_NOUN} ?{_EN_NOUN}
^ no more|further .. {_EN_NOUN}
no further|more contact|communication|communications
enough with|of .. {_EN_NOUN}
don|dont|not|never ?t ?ever {_EN_VERB} me|us|this|anything|any|anymore|again|here|more
don|dont|not|never ?t ?ever call|ring|phone .. anymore|again|ever
don|dont|not|never|no ?t ?longer ?really want|wanna|wish|like|need|care .. {_EN_NOUN}
don|dont|not|never|no ?t ?longer ?really want|wanna|wish|like .. receive|hear|contacted|texted|messaged|subscribed
no longer|not|dont receive|get|receiving|getting .. {_EN_NOUN} ?please $
no longer|not be ?being contacted|texted|messaged|bothered|subscribed
not|never agree|agreed|consent|consented|sign|signed|subscribe|subscribed .. this|these|{_EN_NOUN}
never|didn|didnt ?t signed|sign|subscribed|subscribe|asked|agreed ?up for|to
not interested in .. {_EN_NOUN}
leave|let me|us .. alone
let me|us be $
lose|loose|forget my number
please|pls|plz|kindly|can|could|will|would ?you ?please|pls|u ?just stop ?it|this|that|these|now|thanks|thank ?now|\
it|you $
told|asked|begged|telling|asking you|u ?guys|all|people ?already to stop $
told|asked|begged|telling|asking you|u ?guys|all|people ?already to stop .. times|already|before|yesterday|weeks|\
months
said|replied|texted|wrote|sent|say|saying|typed stop $
already said|replied|texted|wrote|sent|told|asked .. stop|unsubscribe*
want|like|need you|this|these|it|them|all|the ?{_EN_NOUN} ?to stop
make|makes it|them|this stop
how do|can|to ?i|we stop this|these|it|the|your|getting|receiving|those
i want out $
don|dont ?t text|txt|message $
^ no {_EN_NOUN} $
piss|fuck|bugger|f off ?and|you ?leave $
go away $
^ wrong number|person $
have|got|texting the wrong number|person
revoke|withdraw|withdrawing|revoking .. consent|permission
why .. still|keep|continue ?getting|to get|getting|receive|receiving|texting|sending|messaging .. {_EN_NOUN}|me
keep|still .. {_EN_NOUN} .. stop
you|u keep|still texting|sending|messaging|spamming
"""

ENGLISH_LEAVES = f"""
remove|delete|erase|scrub|unlist|drop ?please me|us
remove|delete|erase|scrub|drop|clear ?please my|this|our ?cell|phone|mobile|name ?and ?phone number|name|data|\
details|info|contact|contacts|phone
take|get|strike ?please me|us|my|this ?name|number|phone|cell ?number off|out ?of|from ?please $
take|get|strike ?please me|us|my|this ?name|number|phone|cell ?number off|out|from ?of|from .. list|lists|texts|\
group|chat|messages|database|system
unsubscribe|unsub|unsubcribe|unsuscribe|deregister me|us|my|from|please|pls|this|now|to|asap|immediately
want|wanna|like|wish|need|how|can|please|pls|could|kindly|must .. unsubscribe*|unsub|unsuscribe|unsubcribe|\
deregister|unenroll
opt|opting me|us out
want|like|wish|need|please|how|can|i|am|us|and to|m|im|wanna|opt|do ?i|to ?opt|be opt|opting|opted|out ?me ?out \
?please $
want|like|wish|need|please|how|can|going .. opt|opting|opted ?me out
cancel|end|terminate ?please my|the|this|these|all|any ?of|text|your|my ?these|my|the subscription*|registration|\
{_EN_NOUN}
cancel {_EN_NOUN}|subscription ?please $
off|from|out ?of|from your|this|the|ur|ya ?text|mailing|contact|texting|sms|group|phone list|lists|database
"""

_DE_NOUN = "sms|nachricht|nachrichten|werbung|mitteilungen|mitteilung|spam|newsletter|infos|meldungen|post|messages"

GERMAN_ASKS = f"""
hor|hort|horen|hoer|hoeren|hoert ?sie|endlich|bitte|doch ?sie|endlich|bitte|doch auf .. {_DE_NOUN}|schreiben|\
schicken|senden|nerven|mir|mich|damit|belastigen|belastigung|kontaktieren|schicken
aufhoren|aufhoeren .. {_DE_NOUN}|schreiben|schicken|senden|mir|mich|nerven
{_DE_NOUN}|schreiben|schicken|senden .. aufhoren|aufhoeren
schick*|schreib*|send*|kontaktier*|anschreib*|sms*|belastig* .. mir|mich|uns|an|keine|nichts|nie ?bitte|keine|\
nicht|nichts|nie|diese|sms ?bitte|wieder ?{_DE_NOUN} nicht|keine|nichts|nie|mehr|kein ?{_DE_NOUN} ?mehr|wieder|\
{_DE_NOUN}
schick*|schreib*|send* .. keine|nichts .. mehr
keine|kein|keinerlei weitere|weiteren|weiter .. {_DE_NOUN}
keine|kein .. {_DE_NOUN} mehr
will|mochte|moechte|brauche|wunsche|wuensche|wollen keine|kein .. {_DE_NOUN} $
bitte|will|mochte|moechte|wunsche|wuensche|wollen|mag|wir|ich keine|kein|keinerlei .. {_DE_NOUN} .. mehr|erhalten|\
bekommen|haben|empfangen|bitte|danke
^ bitte keine {_DE_NOUN} $
^ keine sms|nachrichten|werbung|mitteilungen ?mehr $
nummer|nummern|daten|handynummer|telefonnummer loschen|loeschen|entfernen $
sie|ihr nerven|nervt $
ruf* mich|uns nicht|nie mehr|wieder
nicht mehr .. kontaktier*|angeschrieben|anschreiben|schreiben|erhalten|belastig*|kontakt*|senden|schicken|informiert|\
benachrichtigt
lass|lasst|lassen|last ?sie|doch|bitte mich|uns ?bitte|doch|endlich|jetzt ?bitte|endlich in|zu|zufrieden ruhe|\
frieden
mich|uns .. in ruhe lassen
nerv|nervt|nerven ?sie mich|nicht|mir ?nicht ?mehr|langer
stopp|stop|stoppt|stoppen|beenden|beendet|schluss|genug ?sie|mit ?bitte|mit ?den|die|das|diese|diesen|dem|eure|ihre|\
euren|ihren|von ?blode|standigen {_DE_NOUN}
widerruf* .. einwilligung|zustimmung
widersprech*|widerspreche .. nutzung|verarbeitung|daten|werbung|zusendung
gesagt|geschrieben|geantwortet|gesendet|geschickt .. stop|stopp
warum|wieso .. immer|noch|weiterhin ?noch .. {_DE_NOUN}
nie|nicht zugestimmt|angemeldet|eingewilligt
kein|keinen interesse|kontakt .. {_DE_NOUN}|mehr
^ falsche nummer|person $
sie|ihr .. falsche|falschen nummer|person
"""

GERMAN_LEAVES = """
mich|uns ?bitte|hiermit|gerne|wieder|sofort .. abmelden|austragen|abbestellen|loschen|loeschen|entfernen|streichen|\
kundigen|ab|abmeldung
melde|melden|meldet ?sie ?mich|uns|hiermit ?bitte|hiermit ?von|sofort ?ihrem|dem|der ?verteiler|liste|sms ab
trag|tragt|tragen|nehm|nehmt|nehmen|nimm|streich|streicht|streichen|losch*|loesch*|entfern* ?sie|bitte ?bitte mich|\
meine|uns|unsere|diese .. aus|liste|verteiler|nummer|daten|datenbank|raus|handynummer|telefonnummer|kontakte
von|aus .. liste|verteiler|datenbank .. nehmen|streichen|loschen|loeschen|entfernen|abmelden|austragen
meine|unsere nummer|daten|handynummer|telefonnummer .. loschen|loeschen|entfernen|streichen
sms|newsletter|nachrichten|benachrichtigungen|abo .. abbestellen|kundigen|abmelden|stornieren
mochte|moechte|will|wie|kann .. abbestellen|austragen
wie|mochte|moechte|will|wurde .. mich .. abmelden
"""

_ES_NOUN = (
    "mensajes|mensaje|sms|publicidad|spam|mensajitos|notificaciones|avisos|textos|whatsapps|promociones|info|"
    "informacion"
)
_ES_GLUED = "enviarme|mandarme|escribirme|molestarme|llamarme|contactarme|enviarnos|mandarnos|enviandome|mandandome"

SPANISH_ASKS = f"""
no ?ya|me ?gustaria quiero|deseo|queremos|quisiera|deseamos|quiera ?ya|que|volver ?a|mas ?me .. recibir|mas|\
{_ES_NOUN}|recibiendo|contacten|escriban|manden|envien
no .. recibir ?mas|vuestros|sus|estos|sus|tus {_ES_NOUN}
deje|dejen|deja|dejad|dejar|paren|pare|parad|para|basta ?por|ya ?favor ?ya de {_ES_GLUED}|molestar|enviar|mandar|\
escribir|recibir|spamear|acosar|enviar*
no me ?vuelvan|vuelva|volvais ?a envie*|mande*|escrib*|contact*|molest*|envia*|manda*|mandes|envies ?ningun|ya \
?mas|nunca|{_ES_NOUN}
no molest*|envie*|mande*|escriban|contacten ?me mas|{_ES_NOUN}
ni|no|ya un|mas {_ES_NOUN} ?mas|por|gracias ?favor $
^ no|ni ?quiero mas {_ES_NOUN}
basta|vale|suficiente ?ya de|con .. {_ES_NOUN}
ningun mensaje|sms mas
no me ?vuelvan|vuelva|vuelvas ?a llam* mas|nunca
dejame|dejenme|dejeme|dejadme|dejenos|dejadnos .. en paz|tranquilo|tranquila|tranquilos
harto|harta|cansado|cansada de .. {_ES_NOUN}
retiro|revoco .. consentimiento|autorizacion
me opongo
he dicho|enviado|puesto|escrito .. stop
^ numero equivocado $
se .. equivoc* de numero|persona
parar|cancelar|detener|stop|cancelen|cancele|detengan|paren ?con ?los|sus|estos|de|todos|las|el|la|con ?los|sus \
?envio ?de {_ES_NOUN}
por que .. sigo|siguen .. recibiendo|mandando|enviando
"""

SPANISH_LEAVES = """
dar*|denme|deme|demen|dame|dadme|quiero|deseo|solicito|pido|tramit* ?por|a ?favor|me|mi|la|numero ?este ?de|la baja
dar*|denme|deme|dame|quiero|solicito .. de baja
causar baja
borr*|elimin*|quit*|saqu*|sac*|retir* ?por|me|a ?favor|este ?mi|mis|este|de|me|el ?telefono|numero .. lista|listado|\
numero|datos|base|agenda|telefono|contactos
borreme|borrenme|borrame|borradme|eliminenme|elimineme|quitenme|quiteme|quitadme|saquenme|saqueme|sacame ?de|por|ya
cancel*|anul* .. suscripcion|inscripcion|abono|servicio
desuscrib*|desapunt*|desinscrib* ?me
como .. desuscrib*|baja
que me borren|eliminen|quiten|saquen
"""

_IT_NOUN = "messaggi|messaggio|sms|pubblicita|spam|messaggini|notifiche|comunicazioni|avvisi|promozioni"

ITALIAN_ASKS = f"""
non voglio|vorrei|desidero|vogliamo|desideriamo|intendo ?piu .. ricever*|{_IT_NOUN}|contattato|contattata|disturbato|\
disturbata
non .. piu .. ricever*|{_IT_NOUN}
smett* ?per|subito ?favore|piacere ?di|con .. mandar*|inviar*|scriver*|disturbar*|{_IT_NOUN}|contattar*|tempest*|\
rompere|chiamar*
smettila|smettetela|finitela|piantatela|piantala ?di|con|per .. mandar*|inviar*|scriver*|disturbar*|{_IT_NOUN}|\
favore|rompere
non ?mi|ci scriv*|mand*|invi*|contatt*|chiam*|disturb* ?mi|temi|emi ?piu|altri|mai|nessun .. piu|{_IT_NOUN}
non mi|ci scriv*|mand*|invi*|contatt*|chiam*|disturb* piu
non scriv*|mand*|invi*|contatt*|chiam*|disturb* piu
basta ?con|coi|mandare|inviare|per|questi|di ?i|questi|gli|le|vostri|favore|queste ?vostri {_IT_NOUN}
niente|nessun|nessuna|mai ?piu|altro {_IT_NOUN}
lascia*|lasciate*|lasci* ?mi|per|ci ?favore .. in pace
stufo|stufa|stanco|stanca d|di|dei .. {_IT_NOUN}
revoco|revocare|ritiro .. consenso
mi oppongo
ho .. detto|scritto|inviato|risposto|mandato .. stop
^ numero sbagliato $
ha|hai|avete sbagliato ?il|di numero|persona
fermate|fermare|bloccate|stop|interrompete|sospendete ?con|a|ai|gli|i|questi|l ?invio|i ?di|vostri {_IT_NOUN}
perche .. ricevo|mandate|continuate ancora|a .. {_IT_NOUN}
"""

ITALIAN_LEAVES = """
cancell*|rimuov*|togli*|elimin*|tolg* ?te|mi|per|il|questo|i ?favore|mio|miei ?questo|mio|miei|numero|nome .. lista|\
numero|elenco|rubrica|dati|database|liste|contatti
cancellatemi|rimuovetemi|toglietemi|cancellami|rimuovimi|toglimi|disiscrivetemi|disiscrivermi|disiscrivimi|\
cancellarmi|eliminatemi|disiscriver*|toglietemi
annull*|disdir*|cancell*|disdic* .. iscrizione|abbonamento|servizio|sottoscrizione
mi disiscriv*|cancello|disiscrivo
come|voglio|vorrei .. disiscriv*|cancellarmi|disdire|disattivar*
"""

_PT_NOUN = (
    "mensagens|mensagem|sms|publicidade|spam|propaganda|propagandas|notificacoes|avisos|msgs|msg|torpedos|promocoes"
)

PORTUGUESE_ASKS = f"""
nao quero|desejo|queremos|gostaria|pretendo|desejamos|queria ?mais|de .. receber|{_PT_NOUN}|contactado|contatado|\
contactada|contatada|recebendo
nao .. receber ?mais .. {_PT_NOUN}
nao .. mais {_PT_NOUN}
pare|parem|para|parar|deixe|deixem|deixar ?ja|por ?favor de|com ?me ?me|nos|os|as|estas|essas|esses|estes ?me \
enviar*|mandar*|escrever*|incomodar*|contact*|contat*|{_PT_NOUN}|receber|ligar|perturbar|chatear|encher
nao me .. envie*|mande*|mandem|escrev*|contact*|contat*|ligue*|incomod*|manda|mandes|envies|perturb* ?mais|nunca \
?mais ?{_PT_NOUN}
nao envie*|mande*|mandem|escrevam|incomod*|contact* ?me ?mais ?nenhum*|estas|mais {_PT_NOUN}|mais
chega|basta|farto|farta|cansado|cansada ?ja de|com .. {_PT_NOUN}
sem|nenhuma|nem mais ?uma {_PT_NOUN}
^ mais nenhuma {_PT_NOUN}
deix*|deixem|deixe ?me|por ?favor|nos|me em|mim paz ?em
me deix* .. em|paz ?em|paz
retiro|revogo|retirar .. consentimento|autorizacao
ja .. disse|enviei|respondi|mandei|escrevi .. stop|parar|sair
^ numero errado $
enganou|enganaram se no|de numero
cancel*|stop|interromp*|suspend* ?com|o|as|os|estas|essas|de ?as|envio|os|receber ?de {_PT_NOUN}
por|porque que|continuo|continuam ?e .. receber|recebendo|enviar|mandar .. {_PT_NOUN}
"""

PORTUGUESE_LEAVES = """
remov*|retir*|tir*|apag*|exclu*|elimin* ?por|me|o|os ?favor|meu|meus|este ?o|meu|este|me|meus ?meu .. lista|listas|\
numero|dados|contato|contacto|cadastro|base|telefone
me remov*|retir*|tir*|exclu*|descadastr* ?da|do|por $
cancel*|anul* .. subscricao|inscricao|assinatura|servico|cadastro
descadastr*|desinscrev*|desinscri* me|meu|por|da|do|este
quero|gostaria|como|queria|desejo|pretendo .. descadastr*|desinscrev*|cancelar|remover ?me|a ?minha $
quero|gostaria|como|queria|desejo|pretendo .. descadastr*|desinscrev*
"""

_NL_NOUN = "bericht|berichten|sms|smsjes|smsje|smsen|reclame|spam|berichtjes|meldingen|appjes|mail|mails|nieuwsbrief"

DUTCH_ASKS = f"""
stop|stopt|stoppen|kap|kappen|hou|houd|ophouden ?a|alsjeblieft|aub|eens|nu|op ?aub|nu met .. sms*|{_NL_NOUN}|sturen|\
appen|mailen|schrijven|versturen|lastigvallen|contact*
stuur|stuurt|sturen|zend|verstuur ?mij|me|ons|aub|alstublieft|alsjeblieft ?aub|alstublieft geen|niets|niks|nooit \
?meer|enkel ?enkele ?meer {_NL_NOUN}|meer
geen .. {_NL_NOUN} ?meer ?aub|alstublieft|alsjeblieft|sturen|bedankt|ontvangen|a ?sturen|meer $
geen {_NL_NOUN} meer
wil|wens|willen|wensen|hoef ?ik|wij|we .. geen|niet|niets ?meer ?geen .. {_NL_NOUN}|ontvangen|krijgen|benaderd|\
lastiggevallen
laat|laten ?u|jullie mij|me|ons ?nu|alsjeblieft|aub|toch|a ?u ?b met rust
niet meer .. benader*|contact*|lastig*|berichten|sturen|schrijven|sms*|appen|mailen
val|valt ?mij|me|ons niet .. lastig
genoeg|klaar|zat van|met .. {_NL_NOUN}
trek .. toestemming .. in
intrekken|ingetrokken .. toestemming
maak .. bezwaar
^ verkeerd|verkeerde nummer $
u|je|jullie .. verkeerde|verkeerd nummer
al .. gezegd|gestuurd|geantwoord|geschreven .. stop
stop|stopt|annuleer ?de|deze|die|uw|alle|jullie|al ?deze|die|uw {_NL_NOUN}
waarom .. nog|steeds ?steeds|altijd .. {_NL_NOUN}
"""

DUTCH_LEAVES = """
schrijf|meld|haal|verwijder|schrap|gooi ?aub mij|me|ons|mijn ?aub|a ?nummer .. uit|af|lijst|nummer|gegevens|bestand|\
nummers|telefoonnummer|weg
mij|me|ons .. uitschrijven|afmelden|verwijderen|uitgeschreven|afgemeld
verwijder* ?aub|mij|me|ons ?mijn|dit|uit .. nummer|gegevens|lijst|bestand|telefoonnummer|database
van|uit .. lijst|bestand|database .. halen|verwijderen|af|verwijderd
mijn nummer|gegevens .. verwijderen|wissen|verwijderd
hoe .. uitschrijven|afmelden|opzeggen
wil .. uitschrijven|uitgeschreven|afmelden
"""
