use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Defence {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn list(text: &str) -> Vec<String> {
    let Defences(defences) = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    defences.iter().map(Defence::to_string).collect()
}

fn refusal(text: &str) -> String {
    text.parse::<Defences>().expect_err(text).to_string()
}

#[test]
fn a_comma_separates_defences_as_well_as_options() {
    assert_eq!(
        list("none,noise,contrastive,rotation,inpainting,multi-task"),
        ["none", "noise", "contrastive", "rotation", "inpainting", "multi-task"]
    );
    assert_eq!(list("multi-task:eps=16/255,steps=10,contrastive"), ["multi-task:steps=10", "contrastive"]);
    assert_eq!(
        list("none, rotation:steps=10, eps=8/255 ,multi-task:combine=sum,inpainting:,noise"),
        ["none", "rotation:eps=8/255,steps=10", "multi-task:combine=sum", "inpainting", "noise"]
    );
}

#[test]
fn a_weight_is_an_option_and_not_the_next_defence() {
    let Defence::Reversal(reversal) = parse("multi-task:contrastive=2,rotation=0,inpainting=1/2") else {
        panic!("not a reversal")
    };
    assert_eq!(Task::ALL.iter().map(|task| reversal.weight(*task)).collect::<Vec<_>>(), [2.0, 0.0, 0.5]);
    assert_eq!(reversal.tasks(), [Task::Contrastive, Task::Inpainting]);
    assert_eq!(list("multi-task:rotation=0,rotation"), ["multi-task:rotation=0", "rotation"]);
}

#[test]
fn reads_the_example_of_the_manual() {
    let defence = parse("multi-task:eps=16/255,step=2/255,steps=40,views=4,combine=sum");
    let mut expected = Reversal::published(Objective::MultiTask);
    expected.views = 4;
    expected.combine = Combine::Sum;
    assert_eq!(defence, Defence::Reversal(expected));
    assert_eq!(defence.to_string(), "multi-task:views=4,combine=sum");
    assert_eq!(
        format!("{defence:#}"),
        "multi-task:eps=16/255,step=2/255,steps=40,direction=descend,noise=16/255,batch=64,views=4,temperature=0.2,\
         positives=authors,combine=sum,contrastive=1,rotation=1,inpainting=1"
    );
}

#[test]
fn noise_follows_epsilon_until_given() {
    let noise = |text| match parse(text) {
        Defence::Reversal(reversal) => reversal.noise.to_string(),
        other => panic!("{other} is not a reversal"),
    };
    assert_eq!(noise("rotation"), "16/255");
    assert_eq!(noise("rotation:eps=8/255"), "8/255");
    assert_eq!(noise("rotation:noise=0,eps=8/255"), "0");
    assert_eq!(parse("rotation:noise=8/255,eps=8/255").to_string(), "rotation:eps=8/255");
}

#[test]
fn the_authors_code_has_weights_and_a_direction_of_its_own() {
    let Defence::Reversal(reversal) = parse("multi-task:combine=authors") else { panic!("not a reversal") };
    assert_eq!(Task::ALL.iter().map(|task| reversal.weight(*task)).collect::<Vec<_>>(), [1.0, 50.0, 10.0]);
    assert_eq!(reversal.direction, Direction::Ascend);
    for text in ["multi-task:combine=authors", "multi-task:direction=descend,combine=authors,rotation=1"] {
        assert_eq!(parse(text).to_string(), text);
    }
}

#[test]
fn names_the_nets_it_needs() {
    assert_eq!(parse("none").tasks(), []);
    assert_eq!(parse("noise:eps=4/255").tasks(), []);
    assert_eq!(parse("inpainting").tasks(), [Task::Inpainting]);
    assert_eq!(parse("multi-task").tasks(), Task::ALL);
}

#[test]
fn refusals_say_what_would_have_been_understood() {
    assert_eq!(
        refusal("none,rotate"),
        "there is no defence `rotate`: defences are none, noise, contrastive, rotation, inpainting, multi-task"
    );
    assert_eq!(
        refusal("rotation:views=2"),
        "`rotation` has no option `views`: it has eps, step, steps, direction, noise, batch"
    );
    assert_eq!(
        refusal("multi-task:combine=mean"),
        "`combine=mean` of `multi-task` cannot be read: expected sum or alternate or authors"
    );
    assert_eq!(refusal("noise,none,noise"), "the defence `noise` is listed twice");
    assert_eq!(
        refusal("none,,noise"),
        "an empty defence in `none,,noise`: defences are none, noise, contrastive, rotation, inpainting, \
         multi-task"
    );
    for (text, reason) in [
        ("multi-task:contrastive=0,rotation=0,inpainting=0", "every weight is zero"),
        ("rotation:noise=1", "`noise` must not be larger than `eps`"),
        ("rotation:steps=0", "`steps` must be at least 1"),
        ("contrastive:views=1025", "`views` must be at most 1024"),
        ("rotation:batch=0", "`batch` must be at least 1"),
        ("contrastive:views=1", "`views` must be at least 2"),
        ("contrastive:batch=1", "the contrastive loss compares images, so `batch` must be at least 2"),
        ("contrastive:temperature=0", "`temperature` must be above zero"),
    ] {
        assert!(refusal(text).ends_with(reason), "{text}: {}", refusal(text));
    }
}

fn defence() -> impl Strategy<Value = Defence> {
    let bound = (0u16..64).prop_map(|numerator| Magnitude::fraction(numerator, 255));
    let weight = || prop_oneof![Just(Magnitude::plain(1.0)), Just(Magnitude::fraction(1, 3))];
    let common = (bound, 0u16..9, 1usize..99, 2usize..600, 0usize..Defence::known().len());
    let contrastive = (2usize..6, prop::sample::select(Positives::ALL));
    let multi = (prop::sample::select(Combine::ALL), weight(), weight(), weight());
    (common, contrastive, multi).prop_map(
        |((epsilon, step, steps, batch, which), (views, positives), (combine, a, b, c))| {
            let mut defence = Defence::known().swap_remove(which);
            match &mut defence {
                Defence::None => {}
                Defence::Noise { epsilon: noise } => *noise = epsilon,
                Defence::Reversal(reversal) => {
                    reversal.epsilon = epsilon;
                    reversal.noise = if steps % 2 == 0 { epsilon } else { Magnitude::plain(0.0) };
                    reversal.step_size = Magnitude::fraction(step, 255);
                    reversal.steps = steps;
                    reversal.batch = batch;
                    if reversal.has_contrastive_options() {
                        (reversal.views, reversal.positives) = (views, positives);
                    }
                    if steps % 3 == 0 {
                        reversal.direction = Direction::Ascend;
                    }
                    if reversal.objective == Objective::MultiTask {
                        (reversal.combine, reversal.weights) = (combine, [a, b, c]);
                    }
                }
            }
            defence
        },
    )
}

proptest! {
    #[test]
    fn text_and_back(defence in defence()) {
        prop_assert_eq!(defence.to_string().parse::<Defence>(), Ok(defence.clone()));
        prop_assert_eq!(format!("{defence:#}").parse::<Defence>(), Ok(defence));
    }

    #[test]
    fn lists_and_back(defences in prop::collection::vec(defence(), 1..5)) {
        let mut distinct: Vec<Defence> = Vec::new();
        for defence in defences {
            if !distinct.contains(&defence) {
                distinct.push(defence);
            }
        }
        let text = distinct.iter().map(Defence::to_string).collect::<Vec<_>>().join(",");
        prop_assert_eq!(text.parse::<Defences>(), Ok(Defences(distinct)));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(multi-task|rotation|noise|[a-z:=,/0-9.-]){0,6}") {
        let _ = text.parse::<Defences>();
    }
}
