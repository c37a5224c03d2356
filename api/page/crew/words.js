// The page's words in both languages, and the reasons that crews give most.
export const WORDS = {
  en: {
    next: "Next stop", later: "After that", planned: "planned", navigate: "Navigate", done: "Done", skipped: "Skip", blocked: "Blocked", bags_beside: "Bags beside it",
    fill_seen: "Level seen", first: "First", yes: "Save", no: "Cancel", other: "or in your own words", all_done: "Everything is done. Thank you.",
    waiting: (n) => `${n} not sent yet`, sent: "all sent", offline: "no reception: what you say is kept and sent later", progress: (done, all) => `${done} of ${all} stops`,
    skip_title: "Why is it skipped?", blocked_title: "What blocks it?", order_title: "Why first?", fill_title: "How full was it?", bags_title: "Bags beside it",
    skip_reasons: ["empty", "broken", "no access", "no time"], blocked_reasons: ["parked car", "road works", "market or event", "fire or danger"],
    order_reasons: ["already near it", "traffic", "road blocked", "asked on the street"], bags_reasons: ["a few", "many", "bulky waste"],
    simulated: "This city is simulated: no container on this page is real.", none: "There is no tour for this truck today.", changed: "The plan has changed: look at what comes next.",
    changed_week: (n) => (n === 1 ? "What you said changed one stop this week." : `What you said changed ${n} stops this week.`), disposal: "Tip", depot: "Depot", break: "Break", not_here: "Open this page with the code on your sheet.", done_by: { done: "done", skipped: "skipped", blocked: "blocked" }, drive_on: "Done, drive on",
  },
  nl: {
    next: "Volgende stop", later: "Daarna", planned: "gepland", navigate: "Navigeer", done: "Klaar", skipped: "Overslaan", blocked: "Geblokkeerd", bags_beside: "Zakken ernaast",
    fill_seen: "Vulling gezien", first: "Eerst", yes: "Bewaar", no: "Annuleer", other: "of in eigen woorden", all_done: "Alles is klaar. Dank je wel.",
    waiting: (n) => `${n} nog niet verstuurd`, sent: "alles verstuurd", offline: "geen bereik: wat je zegt wordt bewaard en later verstuurd", progress: (done, all) => `${done} van ${all} stops`,
    skip_title: "Waarom overslaan?", blocked_title: "Wat blokkeert hem?", order_title: "Waarom eerst?", fill_title: "Hoe vol was hij?", bags_title: "Zakken ernaast",
    skip_reasons: ["leeg", "kapot", "geen toegang", "geen tijd"], blocked_reasons: ["geparkeerde auto", "wegwerk", "markt of evenement", "brand of gevaar"],
    order_reasons: ["al in de buurt", "verkeer", "weg geblokkeerd", "op straat gevraagd"], bags_reasons: ["een paar", "veel", "grofvuil"],
    simulated: "Deze stad is gesimuleerd: geen container op deze pagina is echt.", none: "Er is vandaag geen route voor deze wagen.", changed: "Het plan is veranderd: kijk wat er nu komt.",
    changed_week: (n) => (n === 1 ? "Wat jullie zeiden veranderde deze week één stop." : `Wat jullie zeiden veranderde deze week ${n} stops.`), disposal: "Storten", depot: "Remise", break: "Pauze", not_here: "Open deze pagina met de code op je rijblad.", done_by: { done: "klaar", skipped: "overgeslagen", blocked: "geblokkeerd" }, drive_on: "Klaar, verder",
  },
};
