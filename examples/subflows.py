"""A flow for one shop, mapped over many shops: a lane each, with as many tills as the shop has."""

from daskflow import Skip, flow, successful, task

TILLS = {"Bergen": 3, "Lyon": 0, "Malmo": 1, "Oslo": 2}


@task
def tills(shop: str) -> list[str]:
    """Tell which tills a shop has: known only once this has run, and not the same everywhere."""
    return [f"{shop} {number}" for number in range(TILLS[shop])]


@task
def count(till: str) -> int:
    """Count the money in one till. A broken one has nothing to tell, and harms no other shop."""
    if till == "Malmo 0":
        raise Skip(f"till {till} is broken")
    return 100 * len(till) + int(till[-1])


@task
def total(amounts: list[int]) -> int:
    return sum(amounts)


@flow
def shop_total(shop: str) -> int:
    return total(count.map(tills(shop)))  # a map inside of a flow that is mapped itself


@flow
def day(shops: list[str]) -> int:
    return total.named("grand_total")(successful(shop_total.map(shops)))


if __name__ == "__main__":
    run = day.run(list(TILLS))
    print(run.result())
    for shop, tills_of_shop in zip(TILLS, run["shop_total.count"], strict=True):
        print(f"{shop:7}", [str(till.state) for till in tills_of_shop])
