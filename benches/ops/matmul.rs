use criterion::{Criterion, Throughput};

use crate::harness::{Case, gradient, numbers};

pub fn benches(c: &mut Criterion) {
    for [m, k, n] in [[512, 512, 512], [256, 4096, 64], [64, 64, 10]] {
        let (a, b) = (numbers(m * k), numbers(k * n));
        let mut y = vec![0.0f32; m * n];
        let work = Throughput::ElementsAndBytes {
            elements: (2 * m * k * n) as u64,
            bytes: 4 * (m * k + k * n + m * n) as u64,
        };
        Case {
            name: &format!("matmul/{m}x{k}x{n}"),
            inputs: &[&[m, k], &[k, n]],
            work: work.clone(),
            build: &|_, x| x[0].matmul(x[1]),
        }
        .time_beside(c, "gemm on one thread", || {
            let (row, column) = ([k as isize, n as isize], 1);
            let parallel = gemm::Parallelism::None;
            // SAFETY: the three vectors have the sizes they are said to have.
            unsafe {
                let (y, a, b) = (y.as_mut_ptr(), a.as_ptr(), b.as_ptr());
                gemm::gemm(
                    m, n, k, y, column, row[1], false, a, column, row[0], b, column, row[1], 0.0, 1.0, false,
                    false, false, parallel,
                );
            }
        });
        Case {
            name: &format!("matmul/gradient of {m}x{k}x{n}"),
            inputs: &[&[m, k], &[k, n]],
            work,
            build: &|_, x| gradient(x[0].matmul(x[1]), x[0]),
        }
        .time(c);
    }
}
