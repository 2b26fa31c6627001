"""One data frame for each shop, prepared on its own and in parallel, then one table of them all."""

from io import StringIO

import pandas as pd

from daskflow import flow, task, unmapped

FILES = {
    "Bergen": "day,amount,currency\nMon,900,NOK\nTue,1200,NOK",
    "Lyon": "day,amount,currency\nMon,80,EUR\nTue,120,EUR",
    "Malmo": "day,amount,currency\nMon,1100,SEK\nTue,550,SEK",
}


@task
def read(shop: str) -> pd.DataFrame:
    """Stand for reading a file or a database: each shop's rows go to the worker that reads them."""
    return pd.read_csv(StringIO(FILES[shop])).assign(shop=shop)


@task
def to_euros(sales: pd.DataFrame, rates: dict[str, float]) -> pd.DataFrame:
    """Get one shop's frame and, because the rates come `unmapped`, all of the rates."""
    return sales.assign(euros=sales["amount"] * sales["currency"].map(rates))


@task
def compare(shops: list[pd.DataFrame]) -> pd.DataFrame:
    """Get the frames of all shops as a list, in order: so do map's results come to one task."""
    return pd.concat(shops).pivot_table(index="shop", columns="day", values="euros")


@flow
def sales(shops: list[str], rates: dict[str, float]) -> pd.DataFrame:
    frames = read.map(shops)
    return compare(to_euros.map(frames, rates=unmapped(rates)))


if __name__ == "__main__":
    print(sales(shops=list(FILES), rates={"EUR": 1.0, "NOK": 0.08, "SEK": 0.09}))
