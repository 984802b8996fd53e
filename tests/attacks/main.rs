//! What every attack promises, on small nets and the CPU runtime.

mod adaptive;
mod bounds;
mod refusals;
mod resume;
mod toys;

use unperturb::Failure;
use unperturb::attack::{Attack, Victim};
use unperturb::evaluate::{Attacked, Attacker};
use unperturb_engine::Device;

/// Every attack in every norm, at a size and a length that fit small pictures.
const ATTACKS: [&str; 17] = [
    "fgsm:eps=16/255",
    "bim:eps=16/255,steps=5",
    "pgd:eps=16/255,steps=5,restarts=2",
    "pgd:norm=l2,eps=1,step=0.3,steps=5",
    "pgd:norm=l1,eps=6,step=2,steps=5",
    "pgd:eps=16/255,steps=5,loss=dlr",
    "pgd:eps=16/255,steps=5,loss=margin,target=likely",
    "cw:eps=16/255,steps=5",
    "apgd-ce:eps=16/255,steps=15,restarts=2",
    "apgd-dlr:norm=l2,eps=1,steps=15",
    "apgd-t:eps=16/255,steps=12,targets=2",
    "fab:eps=16/255,steps=6,restarts=2",
    "fab-t:eps=16/255,steps=10",
    "fab-t:norm=l2,eps=1,steps=10,targets=2",
    "square:eps=16/255,queries=150",
    "square:norm=l2,eps=1,queries=150",
    "autoattack:eps=12/255,steps=10,queries=120",
];

/// The attack of that text, or it is no test.
fn attack(text: &str) -> Attack {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What an attack makes of pictures, `batch` at a time.
fn attacked_by(
    text: &str,
    victim: &dyn Victim,
    pictures: &toys::Pictures,
    batch: usize,
) -> Result<Attacked, Failure> {
    let toys::Pictures { images, labels } = pictures;
    Attacker::new(&Device::cpu(), victim, &attack(text), batch, 5)
        .attack(images, labels, toys::SIZE, |_| Ok(()))
}

fn attacked(text: &str, victim: &dyn Victim, pictures: &toys::Pictures) -> Attacked {
    attacked_by(text, victim, pictures, 8).unwrap_or_else(|error| panic!("{text}: {error}"))
}
